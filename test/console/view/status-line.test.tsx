import { Box } from 'ink';
import { render } from 'ink-testing-library';
import { expect, test } from 'vitest';
import { emptyLine } from '../../../source/console/input/line-editor.ts';
import { StatusLine } from '../../../source/console/view/status-line.tsx';
import { changeScreen, type Screen } from '../../../source/store/store.ts';
import { StoreContext } from '../../../source/store/use-store.ts';
import { makeFeature } from '../../helpers/feature.ts';
import { makeShell } from '../../helpers/shell.ts';

const Nothing = (): null => null;

function painted(change: Partial<Screen>, columns = 60): string {
  const feature = makeFeature();
  const { store } = makeShell([feature]);
  changeScreen(store, change);
  const line = <StatusLine columns={columns} loaded={[{ feature, Pane: Nothing }]} />;
  return (
    render(
      <Box width={columns}>
        <StoreContext value={store}>{line}</StoreContext>
      </Box>,
    ).lastFrame() ?? ''
  );
}

test('hints, as many as there is room for', () => {
  expect(painted({})).toBe(' Enter say  x wipe  e next need  z zoom  / filter  ? help');
});

test('what was refused is said beside the question that stays open', () => {
  const name = makeFeature().keys.findIndex(({ key }) => key === 'n');
  const mode = { name: 'ask', noun: 'notes', binding: name, line: emptyLine([], 'ann') } as const;
  expect(painted({ mode })).toBe(' name › ann▏');
  const status = { text: 'Not done: Redis is lost', tone: 'bad' } as const;
  expect(painted({ mode, status })).toBe(' name › ann▏                        Not done: Redis is lost');
});

test('what just happened is shown in full, before what goes on', () => {
  const status = { text: 'There is no command `lokc list`', tone: 'bad' } as const;
  expect(painted({ status }, 40)).toBe(' There is no command `lokc list`');
});

test('a question stands above, and here what answers it', () => {
  const act = { path: 'notes wipe', input: {}, commandLine: [], json: false };
  const asked = { question: 'Wipe one?', name: 'one', state: '', input: {} };
  const mode = { name: 'confirm', act, asked, word: undefined, line: emptyLine() } as const;
  expect(painted({ mode })).toBe(' y yes  n no  Esc no  p dry run');
  expect(painted({ mode: { ...mode, word: 'one' } })).toBe(
    ' Enter yes, once it is typed  Esc no  ^P dry run',
  );
});

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

function painted(change: Partial<Screen>, alerts: readonly string[] = [], columns = 60): string {
  const feature = makeFeature({ alerts });
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

test('hints, with what needs a human at the right', () => {
  expect(painted({}, ['topic.lag > 1000', 'ship.stalled', 'one more'])).toBe(
    ' Enter say  x wipe  z zoom  ? help   ! topic.lag > 1000  +2',
  );
});

test('what was refused is said beside the question that stays open', () => {
  const name = makeFeature().keys.findIndex(({ key }) => key === 'n');
  const mode = { name: 'ask', noun: 'notes', binding: name, line: emptyLine([], 'ann') } as const;
  expect(painted({ mode })).toBe(' name › ann▏');
  const status = { text: 'Not done: Redis is lost', tone: 'bad' } as const;
  expect(painted({ mode, status })).toBe(' name › ann▏                        Not done: Redis is lost');
});

test('what just happened is told in full, before what goes on', () => {
  const status = { text: 'There is no command `lokc list`', tone: 'bad' } as const;
  const alerts = ['topic.lag > 1000'];
  expect(painted({ status }, alerts)).toBe(' There is no command `lokc list`         ! topic.lag > 1000');
  expect(painted({ status }, alerts, 40)).toBe(' There is no command `lokc list`');
});

const act = { path: 'notes wipe', input: {}, commandLine: [], json: false };

test.each([
  ['Wipe one', 60, ' Wipe one? y: yes, any other key: no'],
  ['Wipe one?', 40, ' Wipe one? y: yes, any other key: no'],
  ['Wipe one? It is used by three others.', 40, ' Wipe one? It is used by three ot…  y/n'],
])('%j is asked so that it is clear how to answer', (question, columns, shown) => {
  const mode = { name: 'confirm', question, word: undefined, line: emptyLine(), act } as const;
  expect(painted({ mode }, [], columns)).toBe(shown);
});

test.each([
  ['Wipe one? It is lost.', 80, ' Wipe one? It is lost. Type wipe to confirm: wi▏'],
  ['Wipe one? It is lost.', 40, ' Wipe one? … Type wipe to confirm: wi▏'],
])('%j wants a word, and shows what is typed of it', (question, columns, shown) => {
  const mode = { name: 'confirm', question, word: 'wipe', line: emptyLine([], 'wi'), act } as const;
  expect(painted({ mode }, [], columns)).toBe(shown);
});

import { Box } from 'ink';
import { render } from 'ink-testing-library';
import { expect, test } from 'vitest';
import { emptyLine } from '../../source/app/line.ts';
import { StatusLine } from '../../source/app/status-line.tsx';
import { changeScreen, type Screen } from '../../source/store/store.ts';
import { StoreContext } from '../../source/store/use-store.ts';
import { makeFeature } from '../helpers/feature.ts';
import { makeShell } from '../helpers/shell.ts';

const Nothing = (): null => null;

function painted(change: Partial<Screen>, alerts: readonly string[] = []): string {
  const feature = makeFeature({ alerts });
  const { store } = makeShell([feature]);
  changeScreen(store, change);
  const line = <StatusLine columns={60} loaded={[{ feature, Pane: Nothing }]} />;
  return (
    render(
      <Box width={60}>
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

test.each([
  ['Wipe one', undefined, ' Wipe one? y: yes, any other key: no'],
  ['Wipe one?', undefined, ' Wipe one? y: yes, any other key: no'],
  ['Wipe one? It is lost.', 'wipe', ' Wipe one? It is lost. Type wipe to confirm: ▏'],
])('%j is asked with the marks it needs', (question, word, shown) => {
  const act = { path: 'notes wipe', input: {}, commandLine: [], json: false };
  expect(painted({ mode: { name: 'confirm', question, word, line: emptyLine(), act } })).toBe(shown);
});

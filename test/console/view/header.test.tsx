import { Box } from 'ink';
import { render } from 'ink-testing-library';
import { expect, test } from 'vitest';
import { Header } from '../../../source/console/view/header.tsx';
import { totalIn } from '../../../source/redis/server/parse-info.ts';
import type { ServerFigures } from '../../../source/store/store.ts';
import { StoreContext } from '../../../source/store/use-store.ts';
import { makeFeature } from '../../helpers/feature.ts';
import { makeShell } from '../../helpers/shell.ts';

function painted(server: ServerFigures): string {
  const { store } = makeShell([makeFeature()]);
  store.setState({ server });
  return (
    render(
      <Box width={200}>
        <StoreContext value={store}>
          <Header columns={200} context={undefined} counts={false} />
        </StoreContext>
      </Box>,
    ).lastFrame() ?? ''
  );
}

test.each<[string, ServerFigures, RegExp]>([
  [
    'all of it',
    { version: '8.0.2', role: 'primary', usedBytes: 1024, maxBytes: 4096, commandsPerSecond: 12 },
    /redis 8\.0\.2 primary {3}mem 1\.0K of 4\.0K {3}\S+ {3}12 cmd\/s/,
  ],
  [
    'a rate takes two readings',
    { version: '8.0.2', role: 'primary', usedBytes: 1024, maxBytes: 0 },
    /mem 1\.0K {3}– cmd\/s/,
  ],
  [
    'memory that INFO does not give',
    { version: '8.0.2', role: 'primary', maxBytes: 4096 },
    /mem – of 4\.0K {3}– cmd/,
  ],
])('%s: what is not known is no 0', (_, server, wanted) => {
  expect(painted(server)).toMatch(wanted);
});

test('a figure of several servers is known where all give it', () => {
  expect(totalIn([{ used_memory: '1' }, { used_memory: '2' }], 'used_memory')).toBe(3);
  expect(totalIn([{ used_memory: '1' }, {}], 'used_memory')).toBeUndefined();
  expect(totalIn([{ used_memory: 'many' }], 'used_memory')).toBeUndefined();
});

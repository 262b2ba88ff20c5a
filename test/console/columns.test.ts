import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { features as allFeatures } from '../../source/features/index.ts';
import { changeList, type Listed } from '../../source/ui/list.ts';
import { filledConsole, filledSlices } from '../helpers/filled-console.tsx';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { makeShell } from '../helpers/shell.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-columns-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const features = await Promise.all(Object.values(allFeatures).map((load) => load()));
const tables = features.flatMap(({ noun, list }) => (list.columns ? [[noun, list.columns] as const] : []));
const filled = await filledConsole();

function headings(noun: string, columns: readonly string[] | undefined): readonly string[] {
  const slices = { ...filledSlices, [noun]: changeList(filledSlices[noun] as Listed, { columns }) };
  filled.store.setState({ slices });
  const frame = filled.paint({ columns: 400, rows: 40, focus: noun, isZoomed: true }).split('\n');
  const heading = frame[frame.findIndex((line) => line.includes('┃ ─')) - 1] ?? '';
  return heading.replace(/^┃\s+/, '').replace(/\s*┃$/, '').split(/ {2,}/);
}

test.each(tables)('the columns of %s are those that its pane paints', (noun, columns) => {
  const painted = columns.filter((name) => name !== 'bar');
  // Slots are of a Cluster alone, which this is not.
  expect(headings(noun, undefined)).toEqual(painted.filter((name) => name !== 'slots'));
  for (const name of painted.filter((one) => one !== 'slots')) expect(headings(noun, [name])).toEqual([name]);
  expect(headings(noun, painted.slice(0, 3).toReversed())).toEqual(painted.slice(0, 3).toReversed());
});

test('O shows, hides and moves columns; r brings back those of the pane; one stays', () => {
  const { press, mode, status, slice } = makeShell(features);
  const columns = () => (slice('topic') as Listed).list.columns;
  press('7', 'O');
  expect(mode()).toEqual({ name: 'columns', noun: 'topic', selected: 'state' });
  press('down', ' ');
  expect(columns()).toEqual(['state', 'subscriber', 'lag', 'oldest', 'trend']);
  // It stands behind the others now, and is still the chosen one.
  press(' ', 'K');
  expect(columns()).toEqual(['state', 'subscriber', 'lag', 'oldest', 'topic', 'trend']);
  press('g', ' ', 'g', ' ', 'g', ' ', 'g', ' ', 'g', ' ', 'g', ' ');
  expect(columns()).toHaveLength(1);
  expect(status()).toBe('A table has one column at least');
  press('r');
  expect(columns()).toBeUndefined();
  press('esc');
  expect(mode()).toEqual({ name: 'browse' });
  press('1', 'O');
  expect(status()).toBe('chat is no table: it has no columns');
});

test('chosen columns are remembered for the server', async () => {
  const client = server.client();
  await client.set('lock:migrate', 'somebody');
  await client.zadd('quarterdeck:lock', Date.now(), 'migrate');
  const start = () =>
    startPlay({
      args: [cli, '--url', server.url, '--panes', 'lock'],
      columns: 120,
      rows: 30,
      env: { XDG_STATE_HOME: folder },
    });
  const first = start();
  try {
    await first.shows(/state +name +owner/);
    first.press('O', 'down', 'down', ' ');
    await first.shows('[ ] owner');
    await first.shows(/state +name +label/);
    first.press('esc');
    await first.hides('[ ] owner');
    first.press('q');
    await first.ended();
  } finally {
    await first.close();
  }
  const second = start();
  try {
    await second.shows(/state +name +label/);
    expect(second.lines().join('\n')).not.toContain('owner');
  } finally {
    await second.close();
  }
});

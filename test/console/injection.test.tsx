import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Box, render } from 'ink';
import { expect, test, vi } from 'vitest';
import { Screen } from '../../source/console/terminal/screen.ts';
import { mostPins, pin } from '../../source/features/chat/room/pins.ts';
import { buffer, chat, hits, limit, lock, log, topic } from '../../source/index.ts';
import { Frame } from '../../source/ui/frame.tsx';
import { Prompt } from '../../source/ui/prompt.tsx';
import { Row } from '../../source/ui/row.tsx';
import { layTable, Table } from '../../source/ui/table.tsx';
import { sanitise, width } from '../../source/ui/text.ts';
import { foreignSequences, payloads, unsafeLines } from '../helpers/injections.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';
import { makeXterm, screenLines, settle } from '../helpers/xterm.ts';

const server = await redisForThisFile();
const redis = server.client();

test('the corpus is as large as promised', () => {
  expect(new Set(payloads).size).toBeGreaterThanOrEqual(200);
});

test('sanitised, every payload is one harmless line of known width', () => {
  for (const payload of payloads) {
    const clean = sanitise(payload);
    expect(foreignSequences(clean), JSON.stringify(payload)).toEqual([]);
    expect(clean).not.toMatch(/[\n\r]/);
    expect(sanitise(clean)).toBe(clean);
    expect(width(clean)).toBeLessThanOrEqual(clean.length * 2);
  }
});

const columns = 60;
const rows = 12;

function Everything({ payload }: { readonly payload: string }) {
  const text = `before ${payload} after`;
  const items = [{ text }, { text: 'plain' }];
  const cells = [
    { heading: payload, width: 12, cell: () => text },
    { heading: 'grows', grow: true, cell: (item: { text: string }) => ({ text: item.text, bold: true }) },
  ];
  return (
    <Box width={columns} height={rows} flexDirection="column">
      <Frame
        title={[payload, text]}
        note={{ text: payload }}
        error={payload}
        columns={columns}
        rows={rows}
        focused
      >
        <Row columns={56} spans={[payload, { text, tone: 'bad' }]} right={[payload.slice(0, 8)]} />
        <Prompt label={payload.slice(0, 10)} line={{ text, cursor: 3 }} columns={56} />
        <Prompt label="you ›" line={{ text, cursor: 5000 }} columns={56} />
        <Table
          columns={cells}
          {...layTable(cells, items, 56)}
          rows={items.map((item, index) => ({ item, isChosen: index === 0, isMarked: index === 1 }))}
          width={56}
          isRuled
          order={undefined}
        />
      </Frame>
    </Box>
  );
}

test('every component paints every payload within its cells, with our own sequences only', async () => {
  const terminal = makeXterm(columns, rows);
  const changes: string[] = [];
  terminal.onTitleChange((title) => changes.push(title));
  terminal.onBell(() => changes.push('bell'));
  let written = '';
  const screen = new Screen(
    {
      write(text) {
        written += text;
        terminal.write(text);
        return true;
      },
      once() {},
    },
    { columns, rows },
  );
  const instance = render(<Everything payload="" />, {
    stdout: screen as unknown as NodeJS.WriteStream,
    debug: true,
    interactive: true,
    patchConsole: false,
  });
  for (const payload of payloads) {
    written = '';
    instance.rerender(<Everything payload={payload} />);
    await settle(terminal);
    const name = JSON.stringify(payload.slice(0, 40));
    expect(foreignSequences(written), name).toEqual([]);
    const lines = screenLines(terminal);
    expect(lines[0], name).toMatch(/^┏━.*━┓$/);
    for (const line of lines.slice(1, -1)) expect(line, name).toMatch(/^┃.*┃$/);
    expect(lines.at(-1), name).toMatch(/^┗━.*━┛$/);
    for (const line of lines) expect(width(line), name).toBe(columns);
  }
  expect(changes).toEqual([]);
  instance.unmount();
});

/** A name and a message of each payload, in every feature that keeps such. */
async function fill(): Promise<void> {
  const tame = (work: Promise<unknown>): Promise<unknown> => work.catch(() => {});
  const used = payloads.filter((payload) => payload.length < 200 && payload.isWellFormed());
  await chat.create(redis, 'ops', ['ada', 'bob']);
  const limiter = new limit.Limiter(redis, [{ algorithm: 'fixed', max: 5, perMs: 60_000 }]);
  const counter = new hits.Hits(redis);
  const views = new buffer.IncrementBuffer(redis);
  for (const payload of used) {
    // Some refuse such a name outright, which is as good.
    await tame((async () => counter.add(`h${payload}`))());
    await tame((async () => views.add('pages', payload))());
    await Promise.all([
      tame(chat.send(redis, 'ops', `message for @ada ${payload} end`, { as: 'bob' })),
      tame(
        chat
          .create(redis, `r${payload}`, ['ada', `m${payload}`])
          .then(() => chat.send(redis, `r${payload}`, `@ada ${payload}`, { as: `m${payload}` })),
      ),
      tame(limiter.hit(`l${payload}`)),
      tame(lock.acquire(redis, `k${payload}`, { ttlMs: 60_000 })),
      tame(topic.publish(redis, `t${payload}`, [payload])),
    ]);
  }
  for (const [place, payload] of used.slice(-mostPins).entries())
    await pin(redis, 'ops', 'ada', place + 1, { at: 1, sender: payload, message: `pinned ${payload}` });
  await Promise.all([tame(counter.close()), tame(views.close()), tame(limiter.close())]);
  const writer = new log.LogWriter(redis, 'web', { severity: 'error' });
  for (const payload of used) writer.write(`line ${payload} end`);
  await writer.close();
}

test('names and messages in every feature, painted by the whole console', async () => {
  await fill();
  const play = startPlay({ args: [cli, '--url', server.url, '--operator', 'ada'], columns: 160, rows: 50 });
  try {
    await play.shows('● live');
    await play.shows(/1 chat +#/);
    // Who is called, in the line of what needs somebody.
    await play.shows(/1 @\d+/);
    for (const digit of Array.from('123456789')) {
      play.press(digit, 'z');
      await play.shows(new RegExp(`┏━ ${digit} \\w+[^]*┗━`));
      play.press('down', 'pagedown', 'right');
      // What has something in it, but chat, where Enter writes.
      if ('345678'.includes(digit)) {
        play.press('enter');
        await play.shows('Esc closes details');
        play.press('esc');
      }
      play.press('z');
    }
    // Where there is nothing, as in the last one, the pane stands alone.
    play.press('6');
    await play.shows(/╭─ 0 shards/);
    // A frame may arrive in two reads, cut in the middle of a sequence.
    await vi.waitFor(() => {
      expect(foreignSequences(play.raw())).toEqual([]);
      const framed = play
        .lines()
        .slice(2, -1)
        .filter((line) => !line.startsWith('─ '));
      expect(framed.length).toBeGreaterThan(40);
      for (const line of framed) expect(line).toMatch(/^[┏┃┗╭│╰].*[┓┃┛╮│╯]$/);
    });
  } finally {
    await play.close();
  }
}, 60_000);

/** Goes through all panes, and into what they have. */
async function walk(play: Play, shows: (digit: string) => Promise<void>): Promise<void> {
  for (const digit of Array.from('123456789')) {
    play.press(digit);
    await shows(digit);
    play.press('down', 'pagedown', 'down');
    if ('345678'.includes(digit)) play.press('enter');
  }
}

test('the same for a screen reader: lines, and nothing else', async () => {
  await fill();
  const args = [cli, '--url', server.url, '--operator', 'ada', '--screen-reader'];
  const play = startPlay({ args, columns: 400, rows: 100 });
  try {
    const said = (pattern: RegExp): Promise<void> =>
      vi.waitFor(() => expect(play.raw()).toMatch(pattern), { timeout: 45_000, interval: 50 });
    await said(/Panes: 1 chat/);
    await walk(play, (digit) => said(new RegExp(`\\n${digit} \\w+, `)));
    play.press('!');
    await said(/in the list of needs|Nothing needs/);
    play.press('q', ':', 'lock break ');
    await said(/command: lock break $/);
    for (let index = 0; index < 40; index += 1) play.press('down');
    await vi.waitFor(() => expect(play.raw().split('offered: ').length).toBeGreaterThan(40), 45_000);
    // Marks around what is pasted are all that is sent to the terminal.
    const rest = play
      .raw()
      .replaceAll(/\u001B\[\?2004[hl]/g, '')
      .replaceAll(/\r+\n/g, '\n');
    expect(unsafeLines(rest)).toEqual([]);
  } finally {
    await play.close();
  }
}, 120_000);

test('the same in the log and the recording of a console, and replayed from what somebody else recorded', async () => {
  await fill();
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-injection-'));
  const recording = path.join(folder, 'console.rec');
  const log = path.join(folder, 'console.log');
  const args = [cli, '--url', server.url, '--operator', 'ada', '--record', recording, '--log', log];
  const play = startPlay({ args, columns: 160, rows: 50 });
  try {
    await play.shows('● live');
    await walk(play, (digit) => play.shows(new RegExp(`┏━ ${digit} \\w+`)));
    play.press('q');
    await play.ended();
  } finally {
    await play.close();
  }
  const written = readFileSync(recording, 'utf8');
  expect(written.length).toBeGreaterThan(10_000);
  expect(unsafeLines(written)).toEqual([]);
  expect(unsafeLines(readFileSync(log, 'utf8'))).toEqual([]);

  // A recording that comes from elsewhere need not be as ours are, nor have a name that is harmless.
  const foreign = path.join(folder, 'a\u001B]0;title\u0007b');
  const lines = written
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  lines[0] = { ...lines[0], context: { name: payloads.slice(0, 200).join(''), production: true } };
  for (const line of lines.slice(1)) {
    if (line.connection) line.connection.url = `redis://${payloads.slice(0, 200).join('')}`;
    if (line.server) line.server.version = payloads.slice(0, 200).join('');
    line.note = payloads.filter((payload) => payload.length < 200).join('');
  }
  writeFileSync(foreign, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  expect(unsafeLines(readFileSync(foreign, 'utf8'))).not.toEqual([]);
  const replay = startPlay({ args: [cli, 'replay', foreign], columns: 160, rows: 50 });
  try {
    await replay.shows(/PRODUCTION/);
    await walk(replay, (digit) => replay.shows(new RegExp(`┏━ ${digit} \\w+`)));
    // Nothing is cut in the middle of a sequence once all was written.
    replay.press('q');
    await replay.ended();
    const { title, rest } = ownTitles(replay.raw());
    for (const one of title) expect(unsafeLines(one)).toEqual([]);
    expect(foreignSequences(rest)).toEqual([]);
  } finally {
    await replay.close();
    rmSync(folder, { recursive: true });
  }
}, 120_000);

/** The titles that were set, whose text may be anything harmless, and the rest. */
function ownTitles(raw: string): { readonly title: readonly string[]; readonly rest: string } {
  const pattern = /\u001B\]2;([^\u0007]*)\u0007/g;
  return {
    title: Array.from(raw.matchAll(pattern), ([, text = '']) => text),
    rest: raw.replaceAll(pattern, ''),
  };
}

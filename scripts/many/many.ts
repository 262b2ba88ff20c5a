import { startServer } from '../../bench/harness.ts';
import { fillings } from './fill.ts';
import { startMeter } from './meter.ts';
import { lookAtConsole, quarterdeck } from './programs.ts';

// `npm run many -- 1500`: very many of each thing on a real server. Every list is complete, trouble of the one used
// longest ago is reported, and no command, no reply and no console grows with their number. `npm run many -- 20000 lock
// topic`: only these. A table in Markdown; on a machine that others use too, the seconds of the processor are ours.

const [countWord = '1500', ...nouns] = process.argv.slice(2);
const count = Number(countWord);
const chosen = Object.entries(fillings).filter(([noun]) => nouns.length === 0 || nouns.includes(noun));
const lists: Readonly<Record<string, readonly string[]>> = {
  topic: ['topic', 'status'],
  buffer: ['buffer', 'pending'],
  sync: ['sync', 'status'],
  ship: ['ship', 'status'],
};
const discovering = new Set(['lock', 'limit', 'topic', 'chat', 'hits', 'log', 'buffer']);

const server = await startServer();
const meter = await startMeter(server.socket);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const row = (...cells: readonly (string | number)[]): void => say(`| ${cells.join(' | ')} |`);
const seconds = (ms: number): string => (ms / 1000).toFixed(1);
let failures = 0;
const verdict = (isMet: boolean, text: string): string => {
  if (!isMet) failures += 1;
  return isMet ? text : `**${text}**`;
};

say(`## ${count.toLocaleString('en')} of each\n`);
row(
  'command',
  'seconds',
  'of the processor',
  'peak MiB',
  'exit',
  'found',
  'commands',
  'longest, words',
  'largest reply, KiB',
);
row(...Array.from({ length: 9 }, () => '---'));

/** Runs it and prints its line; `judge` says what it found, and whether that is right. */
async function measure(
  words: readonly string[],
  judge: (ran: Awaited<ReturnType<typeof quarterdeck>>) => { readonly isMet: boolean; readonly text: string },
): Promise<void> {
  meter.read();
  const ran = await quarterdeck(meter.url, words);
  const { commands, words: longest, longest: name, replyBytes } = meter.read();
  const { isMet, text } = judge(ran);
  row(
    `\`${words.join(' ')}\``,
    seconds(ran.ms),
    seconds(ran.cpuMs),
    ran.peakMiB.toFixed(0),
    ran.code,
    verdict(isMet, text),
    commands.toLocaleString('en'),
    verdict(longest <= 3000, `${longest} (${name})`),
    verdict(replyBytes <= 2 * 1024 ** 2, (replyBytes / 1024).toFixed(0)),
  );
  if (!isMet && ran.stderr !== '') say(`\n    ${ran.stderr.slice(0, 600).replaceAll('\n', '\n    ')}\n`);
}

const lengthOf = (json: string): number => {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) ? value.length : -1;
  } catch {
    return -1;
  }
};

for (const [noun, { fill, condition, need }] of chosen) {
  await server.redis.flushall();
  await fill(server.redis, count);
  const list = lists[noun] ?? [noun, 'list'];
  await measure([...list, '--json'], ({ stdout }) => {
    const length = lengthOf(stdout);
    return { isMet: length === count, text: `${length} of ${count}` };
  });
  await measure([...list], ({ stdout }) => {
    const lines = stdout.split('\n').filter((line) => /\bmany:\d+\b/.test(line)).length;
    return { isMet: lines >= count, text: `${lines} lines` };
  });
  if (discovering.has(noun)) {
    const index = await server.redis.dumpBuffer(`quarterdeck:${noun}`);
    await server.redis.del(`quarterdeck:${noun}`);
    await measure([...list, '--discover', '--json'], ({ stdout, ms }) => {
      const length = lengthOf(stdout);
      return { isMet: length === count && ms < 15_000, text: `${length} of ${count}` };
    });
    await server.redis.restore(`quarterdeck:${noun}`, 0, index ?? '', 'REPLACE');
  }
  await measure(['snapshot', '--pane', noun, '--fail-if', condition], ({ code }) => ({
    isMet: code === 1,
    text: code === 1 ? 'holds for the oldest' : 'does not hold',
  }));
  if (need !== undefined) {
    await measure(['needs', '--pane', noun, '--json'], ({ stdout }) => {
      const isThere = stdout.includes(`"id":"${need}`);
      return { isMet: isThere, text: isThere ? need : `no ${need}` };
    });
  }
  await measure(['doctor', '--json'], ({ code, stdout, cpuMs }) => ({
    isMet: code <= 1 && cpuMs < 15_000,
    text: `${lengthOf(stdout)} findings`,
  }));
  // So many commands a second are asked of all panes together, so of one as well.
  const looked = await lookAtConsole(
    meter.url,
    { words: ['--panes', noun], openMs: 8000, lookMs: 10_000 },
    () => void meter.read(),
  );
  const { commands, words, longest, replyBytes } = meter.read();
  const shown = looked.lines.find((line) => /\d of [\d,]+/.test(line)) ?? looked.lines[1] ?? '';
  row(
    `console, ${noun}: \`${(/[\d,]+ of [\d,]+[^─]*/.exec(shown)?.[0] ?? shown).trim().slice(0, 70)}\``,
    '10.0',
    seconds(looked.cpuMs),
    verdict(looked.peakMiB < 150, looked.peakMiB.toFixed(0)),
    '',
    verdict(commands / 10 < 20, `${(commands / 10).toFixed(1)} commands/s`),
    commands,
    verdict(words <= 3000, `${words} (${longest})`),
    verdict(replyBytes <= 2 * 1024 ** 2, (replyBytes / 1024).toFixed(0)),
  );
}

await server.redis.flushall();
for (const [, { fill }] of chosen) await fill(server.redis, count);
await measure(['snapshot', '--json'], ({ code, stdout }) => ({
  isMet: code === 0,
  text: `${(stdout.length / 1024 ** 2).toFixed(1)} MiB`,
}));
await measure(['doctor', '--json'], ({ code, stdout }) => ({
  isMet: code <= 1,
  text: `${lengthOf(stdout)} findings`,
}));
const looked = await lookAtConsole(meter.url, { openMs: 20_000 }, () => void meter.read());
const { commands, words, longest, replyBytes } = meter.read();
row(
  'console, all panes',
  '15.0',
  seconds(looked.cpuMs),
  verdict(looked.peakMiB < 150, looked.peakMiB.toFixed(0)),
  '',
  verdict(commands / 15 < 20, `${(commands / 15).toFixed(1)} commands/s`),
  commands,
  verdict(words <= 3000, `${words} (${longest})`),
  verdict(replyBytes <= 2 * 1024 ** 2, (replyBytes / 1024).toFixed(0)),
);
say(`\n${failures} figures fall short`);
await meter.close();
await server.close();
process.exitCode = failures > 0 ? 1 : 0;

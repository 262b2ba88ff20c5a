import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { features as known } from '../../source/features/index.ts';
import { connect } from '../../source/redis/connection/connect.ts';
import { beside, lists, places } from '../helpers/amounts.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * 200 MB in each place that others may write to: the bytes that the server sends for one look, its own CPU time, and by
 * how much the memory of the process that reads grows. In one process, so that its start is in none of the figures, and
 * in CPU time, so that what else the machine does is not either. `TABLE=file` takes the rows, `MEGABYTES` another amount.
 */

const megabytes = Number(process.env.MEGABYTES ?? '200');
const table = process.env.TABLE;
const wanted = process.env.PLACES?.split(',');

const server = await redisForThisFile('--proto-max-bulk-len', '512mb', '--busy-reply-threshold', '600000');
const admin = server.client();
const url = server.url;
const config = readConfig({}, { USER: 'tester', XDG_CONFIG_HOME: '/nonexistent', QUARTERDECK_URL: url });
const [connection] = connect(config);
if (!connection) throw new Error('Expected a connection');
const context = { redis: connection.ask, connections: [connection], config };
afterAll(() => connection.close());
const features = await Promise.all(Object.values(known).map((load) => load()));

let kept: readonly (readonly [key: string, value: Buffer])[] = [];
beforeAll(async () => {
  for (const words of beside) expect(await runHere(words, { url })).toMatchObject({ code: 0 });
  kept = await Promise.all(
    (await admin.keys('*')).map(
      async (key) => [key, (await admin.dumpBuffer(key)) ?? Buffer.alloc(0)] as const,
    ),
  );
  if (table !== undefined)
    writeFileSync(table, '| place | asked by | sent | server | memory |\n|---|---|--:|--:|--:|\n');
});

type Used = { readonly sent: number; readonly cpu: number };

async function used(): Promise<Used> {
  const said = `${await admin.info('stats')}${await admin.info('cpu')}`;
  const figure = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(said)?.[1]);
  return { sent: figure('total_net_output_bytes'), cpu: figure('used_cpu_user') + figure('used_cpu_sys') };
}

const memory = (name: string): number =>
  1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

/** What one look costs; the highest memory is counted from here on. */
async function costOf(look: () => Promise<unknown>) {
  writeFileSync('/proc/self/clear_refs', '5');
  const before = { ...(await used()), memory: memory('VmRSS') };
  await look();
  const after = await used();
  return {
    sent: after.sent - before.sent,
    cpu: after.cpu - before.cpu,
    memory: Math.max(0, memory('VmHWM') - before.memory),
  };
}

test.each(
  places
    .filter(({ noun, what }) => wanted === undefined || wanted.includes(`${noun}: ${what}`))
    .map((place) => [`${place.noun}: ${place.what}`, place] as const),
)('%s', async (name, { noun, isMany, put }) => {
  await admin.flushall();
  for (const [key, value] of kept) await admin.restore(key, 0, value);
  await put(admin, megabytes * 1_000_000);
  const looks: [string, () => Promise<unknown>][] = [
    ...(lists[noun] ?? [['needs', '--json']]).map((words): [string, () => Promise<unknown>] => [
      words.slice(0, 2).join(' '),
      () => runHere([...words], { url }),
    ]),
    ['console', () => Promise.all(features.map(({ feed, initial }) => feed.read(context, initial(config))))],
  ];
  for (const [asked, look] of looks) {
    const { sent, cpu, memory: grown } = await costOf(look);
    const cells = [
      name,
      asked,
      sent >= 1e6 ? `${(sent / 1e6).toFixed(1)} MB` : `${Math.ceil(sent / 1000)} kB`,
      `${cpu.toFixed(2)} s`,
      `${(grown / 1e6).toFixed(0)} MB`,
    ];
    if (table !== undefined) appendFileSync(table, `| ${cells.join(' | ')} |\n`);
    // What is without number is read as far as is bearable: 16 MiB in all.
    expect({ asked, isLittle: sent < (isMany ? 24_000_000 : 1_000_000) }).toEqual({ asked, isLittle: true });
  }
});

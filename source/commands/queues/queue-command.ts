import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { type CommandContext, defineCommand, word } from '../../features/feature.ts';
import type { Printed } from '../../features/printed.ts';
import { type Client, masters } from '../../redis/client.ts';
import { passedOver, scan } from '../../redis/scan.ts';
import { counted, formatAge, formatCount, formatDuration } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import * as printed from '../printed.ts';
import { askEach } from '../unreachable.ts';
import { KeyReader } from './key-reader.ts';
import { type Figures, families, type Sighting, sightingOf } from './programs.ts';

/**
 * Queues of other programs: seen, and not managed here. One slow SCAN finds them by the names of their keys; of each
 * only types and lengths are read, and the time of the oldest job where that takes two commands. Nothing is written.
 */

/** Of one server: a pane full of them tells nobody anything. */
const mostQueues = 1000;
const atOnce = 20;
/** Between the two looks at what seems to stand still. */
const secondLookMs = 1000;

export type Queue = Printed<typeof printed.queues>[number];
type Found = { readonly queues: readonly Queue[]; readonly warnings: readonly string[] };

export const queueCommand = defineCommand({
  verb: 'queue',
  summary:
    'queues of other programs, such as BullMQ or Sidekiq: how full they are and which look stuck, by a slow SCAN',
  words: { act: word('list', 'the one thing it does', v.picklist(['list'], 'Expected `queue list`')) },
  prints: printed.queues,
  writes: false,
  partial: true,
  examples: ['quarterdeck queue list', 'quarterdeck queue list --json'],
  async run(context) {
    const { queues, warnings, isWhole } = await findQueues(context);
    for (const text of warnings) context.warn(text);
    return { json: queues, text: queueLines(queues), exitCode: isWhole ? 0 : 3 };
  },
});

/** What the console prints of them behind what it can register. */
export async function emitQueues(context: CommandContext): Promise<void> {
  const { queues, warnings } = await findQueues(context);
  await context.emit(undefined, [
    '',
    queues.length === 0
      ? 'Queues of other programs: none seen'
      : `Queues of other programs: ${formatCount(queues.length)} seen, not managed here`,
    ...(queues.length === 0 ? [] : queueLines(queues).map((line) => `  ${line}`)),
    ...warnings.map((text) => `  ${text}`),
  ]);
}

/** Those that look stuck first, then the fullest; not whole without what is on servers that do not answer. */
async function findQueues(context: CommandContext): Promise<Found & { readonly isWhole: boolean }> {
  const isOne = context.connections.length === 1;
  const { values, missing } = await askEach(context, async ({ ask, url }, signal) => {
    const found = await findOn(ask, signal);
    return isOne ? found : { ...found, queues: found.queues.map((queue) => ({ ...queue, server: url })) };
  });
  const queues = values.flatMap((found) => found.queues);
  const rank = ({ stuck }: Queue): number => (stuck === true ? 0 : stuck === null ? 1 : 2);
  queues.sort((a, b) => rank(a) - rank(b) || (b.waiting ?? 0) - (a.waiting ?? 0) || (a.key < b.key ? -1 : 1));
  const warnings = [...missing, ...values.flatMap((found) => found.warnings)];
  return { queues, warnings, isWhole: missing.length === 0 };
}

async function findOn(client: Client, signal: AbortSignal): Promise<Found> {
  const read = new KeyReader(client);
  const sightings = new Map<string, Sighting>();
  let left = 0;
  for (const server of await masters(client)) {
    for await (const keys of scan(server, { signal })) {
      for (const sighting of await sightingsAmong(read, [...new Set(keys)])) {
        const id = `${sighting.family}\0${sighting.base}`;
        if (sightings.has(id) || sightings.size < mostQueues) sightings.set(id, sighting);
        else left += 1;
      }
    }
  }
  const figures = new Map<string, Figures>();
  for (const some of chunks([...sightings.values()], atOnce)) {
    signal.throwIfAborted();
    const looks = await Promise.all(some.map((sighting) => families[sighting.family](read, sighting)));
    // Several exchanges may name one queue.
    for (const one of looks.flat()) figures.set(`${one.program}\0${one.key}`, one);
  }
  const queues = await judged([...figures.values()].filter(isQueue), signal);
  const said = passedOver([...read.passedOver], 'queues of other programs');
  const [large, ...others] = read.tooLarge;
  return {
    queues,
    warnings: [
      ...(left > 0
        ? [`${counted(left, 'key')} of further queues not looked at: ${formatCount(mostQueues)} are the most`]
        : []),
      ...(said === undefined ? [] : [said]),
      ...(large === undefined
        ? []
        : [
            `Too large to be read, so that the queues or workers in it are not known: ${large}${others.length > 0 ? ` and ${counted(others.length, 'set')} more` : ''}`,
          ]),
      ...[...read.refusals].map((text) => `Not known, as Redis refused it: ${text}`),
    ],
  };
}

/** Names such as `user:7:meta` are many, and hardly ever a queue. */
async function sightingsAmong(read: KeyReader, keys: readonly string[]): Promise<readonly Sighting[]> {
  const found = await Promise.all(
    keys.map(async (key) => {
      const sighting = sightingOf(key);
      // Bytes that are no text: by this name nothing would be found.
      if (sighting && key.includes('\uFFFD')) {
        if (!sighting.isWeak) read.passedOver.add(key);
        return;
      }
      if (!sighting?.isWeak || key.endsWith(':stalled-check')) return sighting;
      return (await read.isFieldOf(key, 'opts.maxLenEvents')) ? sighting : undefined;
    }),
  );
  return found.filter((sighting) => sighting !== undefined);
}

/** What has the name of a queue, and holds something else and no jobs, is none. */
function isQueue({ sure, waiting, active, delayed, failed }: Figures): boolean {
  const counts = [waiting, active, delayed, failed];
  return sure === 'certain' || !counts.includes(null) || counts.some((count) => (count ?? 0) > 0);
}

/** Whether each looks stuck; what waits while nothing seems to be taken is looked at twice. */
async function judged(all: readonly Figures[], signal: AbortSignal): Promise<readonly Queue[]> {
  const isStill = (one: Figures): boolean =>
    one.waiting !== null && one.waiting > 0 && one.taken === 0 && one.workers !== 0 && one.held === false;
  const atMs = performance.now();
  const still = all.filter(isStill);
  if (still.length > 0) await wait(secondLookMs, undefined, { signal });
  const second = new Map<Figures, Awaited<ReturnType<Figures['again']>>>();
  for (const some of chunks(still, atOnce)) {
    signal.throwIfAborted();
    await Promise.all(some.map(async (one) => second.set(one, await one.again())));
  }
  const apartMs = performance.now() - atMs;
  return all.map((one) => queueOf(one, verdictOf(one, second.get(one), apartMs)));
}

type Verdict = { readonly stuck: boolean | null; readonly why: string };

/** Only what was seen: null where that does not decide it. */
function verdictOf(
  { waiting, taken, isTakenLive, abandoned, workers, held }: Figures,
  later: { readonly waiting: number | null; readonly taken: number | null } | undefined,
  apartMs: number,
): Verdict {
  if (waiting === null) return { stuck: null, why: 'how many wait is not known' };
  if (waiting === 0) return { stuck: false, why: '' };
  if (held === null) return { stuck: null, why: 'whether somebody paused it is not known' };
  if (held !== false) return { stuck: null, why: held };
  if (workers === 0)
    return { stuck: true, why: `${formatCount(waiting)} waiting, and no live worker is registered` };
  if (taken === null) return { stuck: null, why: 'what is being worked on is not known' };
  if (taken > 0)
    return isTakenLive
      ? { stuck: false, why: '' }
      : { stuck: null, why: 'whether those who took jobs are alive is not known' };
  if (!later || later.waiting === null || later.taken === null)
    return { stuck: null, why: 'nothing was being worked on; the second look failed' };
  if (later.taken > 0 || later.waiting < waiting) return { stuck: false, why: '' };
  const more = later.waiting - waiting;
  const grown = more > 0 ? `, ${formatCount(more)} more by then` : '';
  return {
    stuck: true,
    why: `${formatCount(waiting)} waiting and nothing ${abandoned ? 'being worked on' : 'taken'}, at two looks ${formatDuration(apartMs)} apart${grown}`,
  };
}

function queueOf(figures: Figures, { stuck, why }: Verdict): Queue {
  const { queue, key, program, sure, waiting, active, delayed, failed, oldestMs, workers, abandoned } =
    figures;
  const counts = { waiting, active, delayed, failed, oldestMs, ratePerSec: null, workers, abandoned };
  const lost = abandoned ? [`${formatCount(abandoned)} active without a lock: the worker is gone`] : [];
  const notes = [...lost, ...figures.notes];
  return { queue, key, program, sure, ...counts, stuck, why, notes };
}

const headings = ['looks like', 'queue', 'waiting', 'active', 'delayed', 'failed', 'workers', 'oldest'];

/** A table, with a line below a row for what is to be said of it; what is not known is `?`. */
function queueLines(queues: readonly Queue[]): string[] {
  if (queues.length === 0) return ['No queue of another program was seen'];
  const nowMs = Date.now();
  const figure = (count: number | null): string => (count === null ? '?' : formatCount(count));
  const rows = queues.map((queue) => [
    queue.program,
    queue.server === undefined ? queue.queue : `${queue.queue} at ${queue.server}`,
    ...[queue.waiting, queue.active, queue.delayed, queue.failed, queue.workers].map(figure),
    queue.waiting === 0
      ? '-'
      : queue.oldestMs === null
        ? '?'
        : formatAge(Math.max(0, nowMs - queue.oldestMs)),
  ]);
  const [heading = '', ...lines] = textTable([headings, ...rows], { right: [2, 3, 4, 5, 6, 7] });
  return [heading, ...lines.flatMap((line, index) => [line, ...notesOf(queues[index])])];
}

function notesOf(queue: Queue | undefined): readonly string[] {
  if (!queue) return [];
  const { stuck, why, notes } = queue;
  const verdict =
    stuck === true ? [`looks stuck: ${why}`] : stuck === null ? [`unknown whether it is stuck: ${why}`] : [];
  return [...verdict, ...notes].map((text) => `  ${text}`);
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
}

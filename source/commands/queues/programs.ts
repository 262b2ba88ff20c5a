import type { KeyReader } from './key-reader.ts';

/**
 * How the queues of other programs are recognised, and which of their keys tell how full they are. One entry a program;
 * the names are those that the programs document or were seen to make.
 */

export type ProgramName = 'BullMQ' | 'Bull' | 'bee-queue' | 'RQ' | 'Celery' | 'Sidekiq' | 'Resque' | 'asynq';

/** What a key's name tells. */
export type Sighting = {
  readonly family: Family;
  /** What the queue's keys begin with, or its one key. */
  readonly base: string;
  readonly queue: string;
  /** The name alone says little: only what else is there decides whether it is one. */
  readonly isWeak: boolean;
};
export type Family = keyof typeof families;

export type Figures = {
  readonly queue: string;
  /** What the queue's keys begin with, or its one key. */
  readonly key: string;
  readonly program: ProgramName;
  readonly sure: 'certain' | 'by-shape';
  readonly waiting: number | null;
  readonly active: number | null;
  readonly delayed: number | null;
  readonly failed: number | null;
  /** How many workers that are alive have registered: of this queue or, as most do, of all of the program's. */
  readonly workers: number | null;
  /** Epoch ms at which the oldest waiting job was added. */
  readonly oldestMs: number | null;
  /** Why nothing may be taken from it, by what somebody set: `paused`. False: nothing was set; null: not known. */
  readonly held: string | false | null;
  readonly notes: readonly string[];
  /** Of the active jobs, how many lost their worker. */
  readonly abandoned: number | null;
  /** How many jobs are taken and not done; of all queues where the program counts no other way. */
  readonly taken: number | null;
  /** Whether those who took them are alive; else it is not known. */
  readonly isTakenLive: boolean;
  /** The waiting and the taken jobs once more. */
  again(): Promise<{ readonly waiting: number | null; readonly taken: number | null }>;
};

type Look = (read: KeyReader, sighting: Sighting) => Promise<readonly Figures[]>;

/** Of a queue of which nothing is known but that it is there. */
const unknown = {
  active: null,
  delayed: null,
  failed: null,
  workers: null,
  oldestMs: null,
  abandoned: null,
  held: false,
  isTakenLive: false,
  notes: [],
} as const;

const bullParts =
  'meta|id|wait|active|paused|delayed|prioritized|priority|failed|completed|stalled-check|events';
const patterns = {
  // Jobs have parts as well, such as `bull:<queue>:<job>:failed`.
  bull: new RegExp(String.raw`^(\{?bull\}?:([^:]+)):(?:${bullParts})$`, 's'),
  bullWithColon: /^(\{?bull\}?:(.+)):(?:id|stalled-check)$/s,
  // With a prefix of its own.
  otherBull: /^(.+:([^:]+)):(meta|stalled-check)$/s,
  bee: /^(bq:(.+)):(?:jobs|id|waiting|active|delayed|failed|succeeded)$/s,
  rq: /^rq:(?:queue|wip|failed|finished|deferred|scheduled):(.+)$/s,
  celery: /^(.*)_kombu\.binding\.(.+)$/s,
  sidekiq: /^queue:(.+)$/s,
  resque: /^resque:queue:(.+)$/s,
  asynq: /^(asynq:\{(.+)\}):(?:pending|active|scheduled|retry|archived|completed|lease|paused)$/s,
};

/** What a key may be part of, by its name; undefined: no queue that is known. */
export function sightingOf(key: string): Sighting | undefined {
  const sight = (family: Family, base = '', queue = base, isWeak = false): Sighting => ({
    family,
    base,
    queue,
    isWeak,
  });
  const asynq = patterns.asynq.exec(key);
  if (asynq) return sight('asynq', asynq[1], asynq[2]);
  const rq = patterns.rq.exec(key);
  // Jobs between the queue and their worker.
  if (rq) return key.endsWith(':intermediate') ? undefined : sight('rq', `rq:queue:${rq[1]}`, rq[1]);
  const resque = patterns.resque.exec(key);
  if (resque) return sight('resque', key, resque[1]);
  const sidekiq = patterns.sidekiq.exec(key);
  if (sidekiq) return sight('sidekiq', key, sidekiq[1]);
  const bee = patterns.bee.exec(key);
  if (bee) return sight('bee', bee[1], bee[2]);
  const celery = patterns.celery.exec(key);
  // How workers are spoken to and what they report: no work.
  if (celery)
    return /\.pidbox$|^celeryev$/.test(celery[2] ?? '') ? undefined : sight('celery', key, celery[2]);
  const bull = patterns.bull.exec(key) ?? patterns.bullWithColon.exec(key);
  if (bull) return sight('bull', bull[1], bull[2]);
  const other = patterns.otherBull.exec(key);
  if (other) return sight('bull', other[1], other[2], true);
}

/** How many active jobs are looked at one by one. */
const mostActive = 20;

/**
 * Of the active jobs those with a lock, which their worker renews, are taken; where there are more than are looked at,
 * one that is taken is enough to know that somebody works.
 */
async function activeOf(
  read: KeyReader,
  base: string,
): Promise<{ readonly taken: number | null; readonly abandoned: number | null }> {
  const ids = await read.ids(`${base}:active`, mostActive + 1);
  if (ids === null) return { taken: null, abandoned: null };
  const locked = await Promise.all(ids.map((id) => read.exists(`${base}:${id}:lock`)));
  const taken = locked.filter(Boolean).length;
  const isWhole = ids.length <= mostActive && !locked.includes(null);
  return isWhole
    ? { taken, abandoned: ids.length - taken }
    : { taken: taken > 0 ? taken : null, abandoned: null };
}

/** Bull and BullMQ name their keys alike; what BullMQ writes into `meta` decides. */
const bull: Look = async (read, { base, queue, isWeak }) => {
  const [isBullMq, hasVersion, hasMeta] = await Promise.all([
    read.hasField(`${base}:meta`, 'opts.maxLenEvents'),
    read.hasField(`${base}:meta`, 'version'),
    read.has(`${base}:meta`, 'hash'),
  ]);
  const isCertain = isBullMq === true || hasVersion === true;
  if (isWeak && isBullMq !== true) {
    // Of Bull there is this key for as long as a worker is there.
    const [isChecked, hasId] = await Promise.all([
      read.has(`${base}:stalled-check`, 'string'),
      read.has(`${base}:id`, 'string'),
    ]);
    if (!isChecked || !hasId) return [];
  }
  const figuresOf = async () => {
    const [waiting, active, { taken, abandoned }, last] = await Promise.all([
      read.lengths('list', `${base}:wait`, `${base}:paused`),
      read.length(`${base}:active`, 'list'),
      activeOf(read, base),
      read.idAt(`${base}:wait`, -1),
    ]);
    const prioritized = await read.length(`${base}:prioritized`, 'zset');
    // BullMQ 4 wakes its workers by an entry that is no job.
    const isMarker = last !== null && /^0:\d+$/.test(last);
    const jobs = waiting === null || prioritized === null ? null : waiting + prioritized - (isMarker ? 1 : 0);
    return { waiting: jobs, active, abandoned, taken, last: isMarker ? null : last };
  };
  const now = await figuresOf();
  const [delayed, failed, isPaused, wasPaused, isLimited, at] = await Promise.all([
    read.length(`${base}:delayed`, 'zset'),
    read.length(`${base}:failed`, 'zset'),
    read.hasField(`${base}:meta`, 'paused'),
    read.has(`${base}:meta-paused`, 'string'),
    read.has(`${base}:limiter`, 'string'),
    now.last === null ? null : read.shortField(`${base}:${now.last}`, 'timestamp'),
  ]);
  return [
    {
      queue,
      key: base,
      program: isCertain || hasMeta === true ? 'BullMQ' : 'Bull',
      sure: isCertain ? 'certain' : 'by-shape',
      ...unknown,
      ...now,
      delayed,
      failed,
      oldestMs: numberIn(at),
      held: heldBy(['paused', isPaused], ['paused', wasPaused], ['limited to a rate', isLimited]),
      isTakenLive: true,
      again: figuresOf,
    },
  ];
};

const bee: Look = async (read, { base, queue }) => {
  const again = async () => {
    const [waiting, taken] = await Promise.all([
      read.length(`${base}:waiting`, 'list'),
      read.length(`${base}:active`, 'list'),
    ]);
    return { waiting, taken };
  };
  const [now, delayed, failed, jobs] = await Promise.all([
    again(),
    read.length(`${base}:delayed`, 'zset'),
    read.length(`${base}:failed`, 'set'),
    read.has(`${base}:jobs`, 'hash'),
  ]);
  return [
    {
      queue,
      key: base,
      program: 'bee-queue',
      sure: jobs ? 'certain' : 'by-shape',
      ...unknown,
      ...now,
      active: now.taken,
      delayed,
      failed,
      again,
    },
  ];
};

const rq: Look = async (read, { base, queue }) => {
  const again = async () => {
    const [waiting, taken] = await Promise.all([
      read.length(base, 'list'),
      read.length(`rq:wip:${queue}`, 'zset'),
    ]);
    return { waiting, taken };
  };
  const [now, delayed, failed, workers, isKnown, isSuspended, first] = await Promise.all([
    again(),
    read.length(`rq:scheduled:${queue}`, 'zset'),
    read.length(`rq:failed:${queue}`, 'zset'),
    read.alive('rq:workers'),
    read.isMember('rq:queues', base),
    read.has('rq:suspended', 'string'),
    read.idAt(base, 0),
  ]);
  const at = first === null ? null : await read.shortField(`rq:job:${first}`, 'enqueued_at');
  return [
    {
      queue,
      key: base,
      program: 'RQ',
      sure: isKnown ? 'certain' : 'by-shape',
      ...unknown,
      ...now,
      active: now.taken,
      delayed,
      failed,
      workers,
      oldestMs: dateIn(at),
      held: heldBy(['suspended', isSuspended]),
      isTakenLive: workers !== null && workers > 0,
      again,
    },
  ];
};

const kombuSeparator = '\u0006\u0016';
/** Kombu keeps a list for each priority but the lowest. */
const priorities = ['', ...['3', '6', '9'].map((level) => kombuSeparator + level)];

/** An exchange names the queues that are bound to it. */
const celery: Look = async (read, { base }) => {
  const prefix = base.slice(0, base.indexOf('_kombu.binding.'));
  const bindings = await read.members(base);
  if (bindings === null) return [];
  const queues = new Set(
    bindings.flatMap((binding) => {
      const [, , queue = ''] = binding.split(kombuSeparator);
      return queue === '' ? [] : [queue];
    }),
  );
  return await Promise.all(
    Array.from(queues, async (queue): Promise<Figures> => {
      const again = async () => {
        const [waiting, taken] = await Promise.all([
          read.lengths('list', ...priorities.map((level) => `${prefix}${queue}${level}`)),
          read.length(`${prefix}unacked`, 'hash'),
        ]);
        return { waiting, taken };
      };
      const now = await again();
      return {
        queue,
        key: `${prefix}${queue}`,
        program: 'Celery',
        sure: 'certain',
        ...unknown,
        ...now,
        notes: now.taken ? [`${now.taken} reserved by workers, of all queues together`] : [],
        again,
      };
    }),
  );
};

const sidekiq: Look = async (read, { base, queue }) => {
  // `queue:<name>` alone is anybody's.
  if ((await read.isMember('queues', queue)) !== true) return [];
  const again = async () => ({ waiting: await read.length(base, 'list'), taken: null });
  const [now, workers, retry, dead, scheduled] = await Promise.all([
    again(),
    read.alive('processes'),
    read.length('retry', 'zset'),
    read.length('dead', 'zset'),
    read.length('schedule', 'zset'),
  ]);
  return [
    {
      queue,
      key: base,
      program: 'Sidekiq',
      sure: 'certain',
      ...unknown,
      ...now,
      workers,
      notes: [
        `of all queues together: ${shown(retry)} to retry, ${shown(dead)} dead, ${shown(scheduled)} scheduled`,
      ],
      again,
    },
  ];
};

const resque: Look = async (read, { base, queue }) => {
  const again = async () => ({ waiting: await read.length(base, 'list'), taken: null });
  const [now, isKnown, registered, failed] = await Promise.all([
    again(),
    read.isMember('resque:queues', queue),
    read.length('resque:workers', 'set'),
    read.length('resque:failed', 'list'),
  ]);
  return [
    {
      queue,
      key: base,
      program: 'Resque',
      sure: isKnown ? 'certain' : 'by-shape',
      ...unknown,
      ...now,
      // Those that died stay registered.
      workers: registered === 0 ? 0 : null,
      notes: [`of all queues together: ${shown(failed)} failed`],
      again,
    },
  ];
};

const asynq: Look = async (read, { base, queue }) => {
  const again = async () => {
    const [waiting, taken] = await Promise.all([
      read.length(`${base}:pending`, 'list'),
      read.length(`${base}:active`, 'list'),
    ]);
    return { waiting, taken };
  };
  const [now, delayed, failed, workers, isKnown, isPaused, last] = await Promise.all([
    again(),
    read.lengths('zset', `${base}:scheduled`, `${base}:retry`),
    read.length(`${base}:archived`, 'zset'),
    read.countToCome('asynq:servers'),
    read.isMember('asynq:queues', queue),
    read.has(`${base}:paused`, 'string'),
    read.idAt(`${base}:pending`, -1),
  ]);
  const at = last === null ? null : numberIn(await read.shortField(`${base}:t:${last}`, 'pending_since'));
  return [
    {
      queue,
      key: base,
      program: 'asynq',
      sure: isKnown ? 'certain' : 'by-shape',
      ...unknown,
      ...now,
      active: now.taken,
      delayed,
      failed,
      workers,
      oldestMs: at === null ? null : Math.floor(at / 1e6),
      held: heldBy(['paused', isPaused]),
      isTakenLive: workers !== null && workers > 0,
      again,
    },
  ];
};

export const families = { bull, bee, rq, celery, sidekiq, resque, asynq } satisfies Record<string, Look>;

/** The first of the reasons that holds. */
function heldBy(...reasons: readonly (readonly [why: string, holds: boolean | null])[]): Figures['held'] {
  const held = reasons.find(([, holds]) => holds);
  return held ? held[0] : reasons.some(([, holds]) => holds === null) ? null : false;
}

function shown(count: number | null): string {
  return count === null ? '?' : String(count);
}

function numberIn(text: string | null): number | null {
  return text !== null && /^\d{1,19}$/.test(text) ? Number(text) : null;
}

/** ISO 8601, of UTC where it names no zone. */
function dateIn(text: string | null): number | null {
  if (text === null) return null;
  const ms = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : ms;
}

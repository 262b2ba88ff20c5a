import { isDeepStrictEqual } from 'node:util';
import { readAcks, removeAck } from '../commands/needs/acks.ts';
import { type FoundNeed, makeRegistry } from '../commands/needs/needs.ts';
import { acksUnread, unread } from '../commands/needs/read-needs.ts';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import type { AnyFeature } from '../features/index.ts';
import type { Ack } from '../need.ts';
import type { Connection } from '../redis/connection/connect.ts';
import type { Question } from '../redis/poller.ts';
import { isFreshnessAlike, marksOf, type State, type Store } from '../store/store.ts';

/**
 * Keeps what needs a human in the store: from every slice, from the console's own state, and from who is on it, as
 * Redis tells. Line 2, marks, the list of needs, the window's title and notifications read it there.
 */
export type NeedsWatch = {
  /** Reads who is on what. */
  readonly question: Question;
  /** Acknowledges it in this console only, as under `--read-only`; undefined takes that back. */
  keep(id: string, ack: Ack | undefined): void;
  stop(): void;
};

export type NeedsWatchOptions = {
  readonly connection: Connection;
  readonly config: Config;
  readonly store: Store;
  readonly features: readonly AnyFeature[];
};

const acksEveryMs = 2000;
/** Readings of one moment are looked at together, and what comes without end a few times a second. */
const togetherMs = 20;
const betweenMs = 250;
/** While nothing is learned. */
const quietMs = 1000;
/** What has been well for so long is over, and whoever was on it no longer is. */
const overAfterMs = 10_000;

export function watchNeeds({ connection, config, store, features }: NeedsWatchOptions): NeedsWatch {
  const registry = makeRegistry(config.needs, features);
  const own = new Map<string, Ack>();
  let acks: ReadonlyMap<string, Ack> = new Map();
  let ackFailure: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lookedAtMs = 0;
  /** What was open here, and since when that which somebody was on is over. */
  const seenOpen = new Set<string>();
  const over = new Map<string, number>();

  const look = (): void => {
    clearTimeout(timer);
    timer = undefined;
    lookedAtMs = performance.now();
    const state = store.getState();
    const needs = registry.open({
      features,
      slices: state.slices,
      nowMs: Date.now(),
      acks: own.size === 0 ? acks : new Map([...acks, ...own]),
      own: ownNeeds(state, ackFailure),
      known: new Set(features.map(({ noun }) => noun).filter((noun) => state.freshness[noun]?.learnedAtMs)),
    });
    if (isDeepStrictEqual(needs, state.needs)) return;
    store.setState({ needs, marks: marksOf(needs, state.marks) });
  };
  /** Of the timer; a quiet one gives way to news. */
  let dueAtMs = 0;
  const lookIn = (ms: number): void => {
    const nextMs = Math.max(performance.now() + togetherMs, lookedAtMs + ms);
    if (timer && dueAtMs <= nextMs) return;
    clearTimeout(timer);
    dueAtMs = nextMs;
    timer = setTimeout(look, dueAtMs - performance.now());
  };
  const unsubscribe = store.subscribe((state, before) => {
    const isNews =
      state.slices !== before.slices ||
      state.connection !== before.connection ||
      !isFreshnessAlike(state.freshness, before.freshness);
    if (isNews) lookIn(betweenMs);
    // The clock alone makes something old, or silent for too long.
    else if (state.freshness !== before.freshness) lookIn(quietMs);
  });

  /** What somebody was on and is well again: the same trouble later is another one. */
  const forgetOver = async (nowMs: number): Promise<void> => {
    const { needs, freshness } = store.getState();
    const open = new Set(needs.map(({ id }) => id));
    for (const id of over.keys()) if (open.has(id) || !acks.has(id)) over.delete(id);
    for (const id of acks.keys()) {
      const noun = id.split('.', 1)[0] ?? '';
      if (open.has(id) || freshness[noun]?.name !== 'fresh') continue;
      const sinceMs = over.get(id) ?? nowMs;
      over.set(id, sinceMs);
      // Only what was seen open here is known to have ended.
      if (seenOpen.has(id) && nowMs - sinceMs >= overAfterMs) await removeAck(connection.ask, id);
    }
    for (const id of open) seenOpen.add(id);
    for (const id of seenOpen) if (!open.has(id) && !acks.has(id)) seenOpen.delete(id);
  };

  const question: Question = {
    everyMs: acksEveryMs,
    async ask() {
      try {
        acks = await readAcks(connection.ask);
        ackFailure = undefined;
        if (!config.readOnly && !store.getState().screen.isReadOnly) await forgetOver(performance.now());
      } catch (error) {
        ackFailure = messageOf(error);
        throw error;
      } finally {
        look();
      }
    },
  };
  look();

  return {
    question,
    keep(id, ack) {
      if (ack) own.set(id, ack);
      else own.delete(id);
      look();
    },
    stop() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}

/** What the console itself knows to be wrong: the server does not answer, a pane is not read. */
function ownNeeds({ connection, freshness }: State, ackFailure: string | undefined): readonly FoundNeed[] {
  const { name, url, sinceMs, silentSinceMs, error } = connection;
  const about = { feature: 'server', name: placeOf(url), severity: 'bad' } as const;
  if (name === 'lost') return [{ ...about, kind: 'lost', words: `LOST${because(error)}`, sinceMs }];
  if (name === 'connecting' && error !== undefined) {
    return [{ ...about, kind: 'unreachable', words: `NOT REACHED${because(error)}` }];
  }
  if (silentSinceMs !== undefined) {
    return [{ ...about, kind: 'silent', words: 'NO ANSWER', sinceMs: silentSinceMs }];
  }
  const failed = Object.entries(freshness).flatMap(([noun, { name: state, error: reason = '' }]) =>
    state === 'failed' ? [unread(noun, reason)] : [],
  );
  const acks: FoundNeed[] = ackFailure === undefined || failed.length > 0 ? [] : [acksUnread(ackFailure)];
  return [...failed, ...acks];
}

function because(error: string | undefined): string {
  return error === undefined ? '' : `: ${error}`;
}

function placeOf(url: string): string {
  return url.replace(/^rediss?:\/\/|\/$/g, '');
}

import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { staleAfterMs } from '../features/feature.ts';
import type { AnyFeature } from '../features/index.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { type Poller, type Question, startPoller } from '../redis/poller.ts';
import { type Heard, startSubscriber } from '../redis/subscriber.ts';
import { changeSlice, type Freshness, type State, type Store } from '../store/store.ts';
import type { ConsoleLog } from './console-log.ts';
import { watchLiveness } from './liveness.ts';
import { type NeedsWatch, watchNeeds } from './needs-watch.ts';
import { watchServer } from './server-stats.ts';

/**
 * Runs every feed into the store, and records for each feature when and whether it last learned.
 *
 * Polling and pub/sub are the only two ways in. A feature's commands never edit rows: after one ran, `refresh` asks
 * again at once. Polling stays within a budget of commands a second: when readings cost more, every interval is
 * stretched, but never so far that a pane of a server in good health would be stale.
 */
export type Engine = {
  /** Asks this feature's feed now; after `ack` and `unack`, who is on which need. */
  refresh(noun: string): void;
  readonly needs: Pick<NeedsWatch, 'keep'>;
  /** What is sent until the returned function is called is the operator's doing, and does not slow down polling. */
  exclude(): () => void;
  /** Resolves when every feature has learned or failed once. */
  settled(): Promise<void>;
  stop(): void;
};

export type EngineOptions = {
  readonly connections: readonly [Connection, ...Connection[]];
  readonly config: Config;
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly log?: ConsoleLog | undefined;
};

/** The clock may be set meanwhile: what is stale is looked for as often at least. */
const longestAgeingMs = 2000;
/** Messages that come faster are heard together: a thousand a second change the store a few times. */
const togetherMs = 50;
/** As many are not kept waiting. */
const mostGathered = 2000;
type Change = (slice: unknown) => unknown;

/** A reading that was due this long before the pane would be stale is in time, jitter and round trip included. */
const marginMs = 1000;
/** How much more seldom a feature is asked about that holds nothing. */
const quietFactor = 3;

function isEmptyOf({ list, isEmpty }: AnyFeature, slice: unknown): boolean {
  return isEmpty ? isEmpty(slice) : list.rows(slice).length === 0;
}

export function startEngine({ connections, config, store, features, log }: EngineOptions): Engine {
  const [connection] = connections;
  const context = { redis: connection.ask, connections, config };
  const questions = new Map<string, Question>();
  const channelsOf = new Map<string, readonly string[]>();
  const subjectOf = new Map<string, unknown>();
  const settled = Promise.withResolvers<void>();
  const liveness = watchLiveness(connection, store);
  const needs = watchNeeds({ connection, config, store, features });
  for (const verb of ['ack', 'unack']) questions.set(verb, needs.question);
  let poller: Poller | undefined;

  const learned = (noun: string, next: Freshness, change?: Change): void => {
    store.setState(({ freshness, slices }) => {
      const slice = change ? change(slices[noun]) : slices[noun];
      return {
        freshness: { ...freshness, [noun]: next },
        // Whoever listens sees at once what was learned and when.
        ...(slice !== slices[noun] && { slices: { ...slices, [noun]: slice } }),
      };
    });
    const all = Object.values(store.getState().freshness);
    if (all.every(({ name }) => name !== 'waiting')) settled.resolve();
  };
  const ring = (noun: string): void => {
    const question = questions.get(noun);
    if (question) poller?.ring(question);
  };
  const notified = (noun: string): void => {
    const question = questions.get(noun);
    if (question) poller?.notify(question);
  };

  for (const feature of features) {
    const { noun, feed, spreads = false } = feature;
    const longestMs = staleAfterMs(feed) - marginMs;
    questions.set(noun, {
      // Where there is nothing, and nobody looks, that there is something may be learned a little later.
      get everyMs() {
        const { slices, screen, freshness, marks } = store.getState();
        const isWell = freshness[noun]?.name === 'fresh' && !marks[noun];
        const isQuiet = isWell && screen.focus !== noun && isEmptyOf(feature, slices[noun]);
        return isQuiet ? Math.min(feed.everyMs * quietFactor, longestMs) : feed.everyMs;
      },
      longestMs,
      async ask() {
        const askedAt = performance.now();
        const durationMs = (): number => roundMs(performance.now() - askedAt);
        log?.write({ event: 'question', feature: noun });
        try {
          const change = await feed.read(context, store.getState().slices[noun]);
          if (!spreads) liveness.answered();
          learned(noun, { name: 'fresh', learnedAtMs: Date.now() }, change);
          log?.write({ event: 'answer', feature: noun, durationMs: durationMs() });
        } catch (error) {
          learned(noun, { ...store.getState().freshness[noun], name: 'failed', error: messageOf(error) });
          log?.write({
            event: 'failure',
            feature: noun,
            durationMs: durationMs(),
            error: messageOf(error),
          });
          throw error;
        }
      },
    });
  }

  const hear = (feature: AnyFeature, messages: readonly Heard[]): void => {
    log?.write({ event: 'notification', feature: feature.noun, messages: messages.length });
    const change = feature.feed.heard?.(messages);
    if (change) changeSlice(store, feature.noun, change);
    else notified(feature.noun);
  };
  const share = (messages: readonly Heard[]): void => {
    for (const feature of features) {
      const channels = channelsOf.get(feature.noun) ?? [];
      const own = messages.filter(({ channel }) => channels.includes(channel));
      if (own.length > 0) hear(feature, own);
    }
  };
  const gathered = gather(share, togetherMs);
  const subscriber = startSubscriber(() => connection.listen(), {
    onMessages: gathered.add,
    onGap(channels) {
      for (const [noun, own] of channelsOf) if (own.some((channel) => channels.includes(channel))) ring(noun);
    },
  });
  const tune = (slices: State['slices'], before?: State['slices']): void => {
    for (const { noun, feed } of features) {
      if (before && before[noun] === slices[noun]) continue;
      channelsOf.set(noun, feed.channels?.(context, slices[noun]) ?? []);
      const subject = feed.subject?.(slices[noun]);
      if (subjectOf.has(noun) && subjectOf.get(noun) !== subject) ring(noun);
      subjectOf.set(noun, subject);
    }
    subscriber.want([...new Set([...channelsOf.values()].flat())]);
  };
  tune(store.getState().slices);
  const stopTuning = store.subscribe((state, before) => {
    if (state.slices !== before.slices) tune(state.slices, before.slices);
  });

  const server = watchServer(connection, store);
  const stopState = connection.onState((state) => {
    const { url, kind } = connection;
    store.setState({ connection: { ...state, url, kind, servers: connections.length } });
    log?.write({ event: 'connection', state: state.name, attempt: state.attempt });
    if (state.name === 'live') for (const noun of questions.keys()) ring(noun);
  });
  let ageing: NodeJS.Timeout;
  /** Tells what has become stale, and looks again when the next of them may be. */
  const age = (): void => {
    const nowMs = Date.now();
    let waitMs = longestAgeingMs;
    for (const { noun, feed } of features) {
      const known = store.getState().freshness[noun];
      if (known?.name !== 'fresh') continue;
      const leftMs = (known.learnedAtMs ?? 0) + staleAfterMs(feed) - nowMs;
      if (leftMs < 0) learned(noun, { ...known, name: 'stale' });
      else waitMs = Math.min(waitMs, leftMs + 1);
    }
    ageing = setTimeout(age, waitMs);
  };
  age();
  poller = startPoller([...new Set([...questions.values(), server.question])], server.stretch);
  if (features.length === 0) settled.resolve();

  return {
    refresh: ring,
    needs,
    exclude: server.exclude,
    settled: () => settled.promise,
    stop() {
      poller?.stop();
      subscriber.stop();
      gathered.stop();
      liveness.stop();
      needs.stop();
      clearTimeout(ageing);
      stopTuning();
      stopState();
    },
  };
}

/** Hands on at once what comes after a quiet time, and what comes sooner in one piece, in its order. */
function gather<Item>(handOn: (items: readonly Item[]) => void, everyMs: number) {
  let items: Item[] = [];
  let timer: NodeJS.Timeout | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    lastMs = performance.now();
    const all = items;
    items = [];
    handOn(all);
  };
  return {
    add(more: readonly Item[]): void {
      for (const item of more) items.push(item);
      if (items.length === 0) return;
      const waitMs = lastMs + everyMs - performance.now();
      if (waitMs <= 0 || items.length >= mostGathered) flush();
      else timer ??= setTimeout(flush, waitMs);
    },
    stop: () => clearTimeout(timer),
  };
}

function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

import * as v from 'valibot';
import type { Family, Sample } from './exposition.ts';

/**
 * The samples of each part of a snapshot. Fences, tokens, pids and messages are no labels, nor are names that
 * users make by the thousand (subjects, texts of logs), unless asked for.
 */

export type MetricsOptions = {
  /** How many subjects of limits, those refused most, are given by name. */
  readonly limitSubjects: number;
  /** How many things of one kind are given at most, the worst first. */
  readonly mostThings: number;
};

export type Part = {
  readonly families: readonly Family[];
  /** How many things are left out. */
  readonly dropped: number;
  /** How many could not be read. */
  readonly unread: number;
};

const number = v.number();
const orNull = v.nullish(v.number(), null);

type Row<Schema extends v.GenericSchema> = v.InferOutput<Schema>;
type Definition<Item> = readonly [
  name: string,
  help: string,
  samples: (item: Item) => readonly Sample[] | number | null | undefined,
  type?: Family['type'],
];

/** A part that is a list of things. A value that is null is not known, and gives no sample. */
function things<const Schema extends v.GenericSchema>(
  schema: Schema,
  {
    labels,
    worst,
    definitions,
  }: {
    readonly labels: (item: Row<Schema>) => Sample['labels'];
    /** The larger, the sooner it is given. */
    readonly worst: (item: Row<Schema>) => number;
    readonly definitions: readonly Definition<Row<Schema>>[];
  },
): (value: unknown, options: MetricsOptions) => Part {
  return (value, { mostThings }) => {
    const list = Array.isArray(value) ? value : [];
    const items = list.flatMap((item: unknown) => {
      const parsed = v.safeParse(schema, item);
      return parsed.success ? [parsed.output] : [];
    });
    const kept = items.toSorted((a, b) => worst(b) - worst(a)).slice(0, mostThings);
    const families = definitions.map(([name, help, figure, type = 'gauge']): Family => {
      const samples = kept.flatMap((item): readonly Sample[] => {
        const found = figure(item);
        if (found === null || found === undefined) return [];
        return typeof found === 'number' ? [{ labels: labels(item), value: found }] : found;
      });
      return { name, help, type, samples };
    });
    return { families, dropped: items.length - kept.length, unread: list.length - items.length };
  };
}

/** One series for each state, of which one is 1. */
function oneOf(labels: Sample['labels'], words: readonly string[], word: string): Sample[] {
  return words.map((state) => ({ labels: { ...labels, state }, value: state === word ? 1 : 0 }));
}

/** As the features have them (their `condition.ts`). */
export const subscriberStates = ['live', 'catching-up', 'overloaded', 'idle', 'dead', 'blocked', 'lapsed'];
export const channelStates = ['idle', 'shipping', 'waiting', 'done', 'stalled'];

const subscriberSchema = v.object({
  name: v.string(),
  position: number,
  lag: number,
  seenMs: orNull,
  state: v.string(),
  condition: v.optional(v.string()),
  missed: orNull,
  oldestAt: orNull,
});
const topicSchema = v.object({
  topic: v.string(),
  at: orNull,
  lastId: number,
  retained: number,
  bytes: orNull,
  subscribers: v.array(subscriberSchema),
});

function ofSubscribers(
  figure: (subscriber: v.InferOutput<typeof subscriberSchema>, at: number | null) => number | null,
) {
  return ({ topic, at, subscribers }: v.InferOutput<typeof topicSchema>): Sample[] =>
    subscribers.flatMap((subscriber) => {
      const value = figure(subscriber, at);
      return value === null ? [] : [{ labels: { topic, subscriber: subscriber.name }, value }];
    });
}

/** By noun. A part that could not be read is reported by `quarterdeck_up`. */
export const parts: Readonly<Record<string, (value: unknown, options: MetricsOptions) => Part>> = {
  lock: things(
    v.object({
      name: v.string(),
      isHeld: v.optional(v.boolean(), true),
      heldMs: orNull,
      ttlMs: orNull,
      waiters: v.array(v.object({ waitedMs: number })),
    }),
    {
      labels: ({ name }) => ({ lock: name }),
      worst: ({ heldMs, waiters }) => (waiters.length > 0 ? 1e15 : 0) + (heldMs ?? 0),
      definitions: [
        ['lock_held', 'Whether the lock is held', ({ isHeld }) => (isHeld ? 1 : 0)],
        ['lock_held_seconds', 'How long it has been held', ({ heldMs }) => seconds(heldMs)],
        ['lock_lease_remaining_seconds', 'What is left of its lease', ({ ttlMs }) => seconds(ttlMs)],
        ['lock_waiters', 'How many wait for it', ({ waiters }) => waiters.length],
        [
          'lock_longest_wait_seconds',
          'How long the first of them has waited',
          ({ waiters }) => seconds(largest(waiters, ({ waitedMs }) => waitedMs)),
        ],
      ],
    },
  ),
  topic: things(topicSchema, {
    labels: ({ topic }) => ({ topic }),
    worst: ({ subscribers }) => largest(subscribers, ({ lag }) => lag),
    definitions: [
      ['topic_messages_published_total', 'Messages ever published', ({ lastId }) => lastId, 'counter'],
      ['topic_retained_messages', 'Messages that are kept', ({ retained }) => retained],
      ['topic_retained_bytes', 'What they take of memory', ({ bytes }) => bytes],
      [
        'topic_subscriber_acknowledged_total',
        'Position of the subscriber: everything up to it is acknowledged',
        ofSubscribers(({ position }) => position),
        'counter',
      ],
      [
        'topic_subscriber_missed_total',
        'Messages that retention removed before the subscriber read them',
        ofSubscribers(({ missed }) => missed),
        'counter',
      ],
      ['topic_subscriber_lag_messages', 'Messages it has not read', ofSubscribers(({ lag }) => lag)],
      [
        'topic_subscriber_lag_seconds',
        'Age of the oldest message it has not read',
        ofSubscribers(({ lag, oldestAt }, at) =>
          lag === 0 ? 0 : oldestAt === null ? null : seconds(Math.max(0, (at ?? Date.now()) - oldestAt)),
        ),
      ],
      [
        'topic_subscriber_last_seen_timestamp_seconds',
        'When it was last seen',
        ofSubscribers(({ seenMs }) => seconds(seenMs)),
      ],
      [
        'topic_subscriber_state',
        'Which state the subscriber is in',
        ({ topic, subscribers }) =>
          subscribers.flatMap(({ name, state, condition }) =>
            oneOf({ topic, subscriber: name }, subscriberStates, condition ?? state),
          ),
      ],
    ],
  }),
  buffer: things(
    v.object({
      type: v.string(),
      ids: number,
      total: orNull,
      inflightIds: orNull,
      asideIds: orNull,
      oldestAgeMs: orNull,
      last: v.nullish(v.object({ atMs: orNull }), null),
      failure: v.nullish(v.unknown(), null),
    }),
    {
      labels: ({ type }) => ({ type }),
      worst: ({ oldestAgeMs }) => oldestAgeMs ?? 0,
      definitions: [
        ['buffer_pending_ids', 'Ids that wait to be written to SQL', ({ ids }) => ids],
        ['buffer_pending_increments', 'What they add up to', ({ total }) => total],
        ['buffer_inflight_ids', 'Ids of the batch that is being written', ({ inflightIds }) => inflightIds],
        ['buffer_aside_ids', 'Ids that were set aside', ({ asideIds }) => asideIds],
        [
          'buffer_oldest_age_seconds',
          'Age of the oldest that waits',
          ({ oldestAgeMs }) => seconds(oldestAgeMs),
        ],
        [
          'buffer_last_flush_timestamp_seconds',
          'When the last flush succeeded',
          ({ last }) => seconds(last?.atMs ?? null),
        ],
        ['buffer_flush_failing', 'Whether flushing fails', ({ failure }) => (failure === null ? 0 : 1)],
      ],
    },
  ),
  ship: things(
    v.object({
      channel: v.string(),
      budgetBytes: number,
      usedBytes: number,
      peakBytes: number,
      state: v.string(),
      consumers: v.array(v.object({ id: v.string(), lag: number })),
    }),
    {
      labels: ({ channel }) => ({ channel }),
      worst: ({ consumers }) => largest(consumers, ({ lag }) => lag),
      definitions: [
        ['ship_budget_bytes', 'Bytes of Redis it may use', ({ budgetBytes }) => budgetBytes],
        ['ship_used_bytes', 'Bytes it uses', ({ usedBytes }) => usedBytes],
        ['ship_peak_bytes', 'The most it used', ({ peakBytes }) => peakBytes],
        [
          'ship_consumer_lag_parts',
          'Parts the consumer has not taken',
          ({ channel, consumers }) =>
            consumers.map(({ id, lag }) => ({ labels: { channel, consumer: id }, value: lag })),
        ],
        [
          'ship_state',
          'Which state the channel is in',
          ({ channel, state }) => oneOf({ channel }, channelStates, state),
        ],
      ],
    },
  ),
  chat: things(
    v.object({
      room: v.string(),
      messages: number,
      members: v.array(v.object({ name: v.string(), unread: number })),
    }),
    {
      labels: ({ room }) => ({ room }),
      worst: ({ members }) => largest(members, ({ unread }) => unread),
      definitions: [
        ['chat_stored_messages', 'Messages somebody has not read', ({ messages }) => messages],
        [
          'chat_member_unread_messages',
          'Messages the member has not read',
          ({ room, members }) =>
            members.map(({ name, unread }) => ({ labels: { room, member: name }, value: unread })),
        ],
      ],
    },
  ),
  hits: things(v.object({ series: v.string(), today: number }), {
    labels: ({ series }) => ({ series }),
    worst: ({ today }) => today,
    definitions: [['hits_today', 'Hits since midnight; falls then, and is no counter', ({ today }) => today]],
  }),
  log: things(v.object({ name: v.string(), severity: v.string(), total: number, distinct: number }), {
    labels: ({ name, severity }) => ({ log: name, severity }),
    worst: ({ total }) => total,
    definitions: [
      ['log_lines', 'Lines of this hour', ({ total }) => total],
      ['log_templates', 'Distinct messages of this hour', ({ distinct }) => distinct],
    ],
  }),
  sync: things(
    v.object({
      channel: v.string(),
      target: v.string(),
      queued: number,
      failed: orNull,
      lastBatchAt: orNull,
      missedByEvents: orNull,
      halted: v.nullish(v.unknown(), null),
    }),
    {
      labels: ({ channel, target }) => ({ channel, target }),
      worst: ({ queued, failed }) => queued + 1e9 * (failed ?? 0),
      definitions: [
        ['sync_queued_changes', 'Changes that wait to be copied', ({ queued }) => queued],
        ['sync_failed_paths', 'Paths that could not be copied', ({ failed }) => failed],
        ['sync_halted', 'Whether it waits for somebody to decide', ({ halted }) => (halted === null ? 0 : 1)],
        [
          'sync_last_batch_timestamp_seconds',
          'When the last batch ended',
          ({ lastBatchAt }) => seconds(lastBatchAt),
        ],
        [
          'sync_missed_by_events_total',
          'Changes that only a full comparison found',
          ({ missedByEvents }) => missedByEvents,
          'counter',
        ],
      ],
    },
  ),
  shards: things(v.object({ shard: number, state: v.string(), usedBytes: orNull, maxBytes: orNull }), {
    labels: ({ shard }) => ({ shard }),
    worst: ({ shard }) => -shard,
    definitions: [
      ['server_up', 'Whether the server answers', ({ state }) => (state === 'up' ? 1 : 0)],
      ['server_memory_used_bytes', 'Memory the server uses', ({ usedBytes }) => usedBytes],
      ['server_memory_max_bytes', 'The most it may use; 0: no limit', ({ maxBytes }) => maxBytes],
    ],
  }),
  limit: limits,
};

const limitSchema = v.object({ subject: v.string(), algorithm: v.string(), denied: orNull });

function limits(value: unknown, { limitSubjects }: MetricsOptions): Part {
  const list = Array.isArray(value) ? value : [];
  const items = list.flatMap((item: unknown) => {
    const parsed = v.safeParse(limitSchema, item);
    return parsed.success ? [parsed.output] : [];
  });
  // A subject may have several limits of one algorithm: their refusals are one series.
  const denied = new Map<string, Sample>();
  for (const { subject, algorithm, denied: count } of items) {
    const key = JSON.stringify([subject, algorithm]);
    const before = denied.get(key)?.value ?? 0;
    denied.set(key, { labels: { subject, algorithm }, value: before + (count ?? 0) });
  }
  const worst = [...denied.values()].toSorted((a, b) => b.value - a.value).slice(0, limitSubjects);
  return {
    families: [
      {
        name: 'limit_subjects',
        help: 'Limits that are in use',
        type: 'gauge',
        samples: [{ labels: {}, value: items.length }],
      },
      { name: 'limit_denied_total', help: 'What was refused', type: 'counter', samples: worst },
    ],
    dropped: 0,
    unread: list.length - items.length,
  };
}

/** Of any number of things; 0 of none. */
function largest<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((most, item) => Math.max(most, of(item)), 0);
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

import * as v from 'valibot';
import { messageOf, UsageError } from '../../errors.ts';
import { Allowance, mostOfAll } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { registerAll } from '../../redis/registry.ts';
import { passedOver } from '../../redis/scan.ts';
import { shellWord } from '../../shell-word.ts';
import { counted, formatClockSeconds, formatCount } from '../../ui/format.ts';
import { sanitise } from '../../ui/text.ts';
import { textTable } from '../../ui/text-table.ts';
import { durationMs, name, sizeBytes, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  list,
  type NamesOf,
  named,
  optionalFlag,
  optionalWord,
  switchFlag,
  type Text,
  type Undo,
  word,
} from '../feature.ts';
import { discover } from './discover.ts';
import { LayoutError, MessageNotAsideError, NoSubscriberError, StillAsideError } from './errors.ts';
import { discardGuard, dropGuard } from './guards.ts';
import {
  type Inspection,
  type Item,
  idOf,
  isGap,
  isThere,
  type LayoutName,
  type Message,
  type Retention,
  topicJson,
} from './layout.ts';
import { setRetention } from './own-layout/own-layout.ts';
import * as printed from './printed.ts';
import { type Published, publish, settlePublished } from './publish.ts';
import { publishLines } from './publish-lines.ts';
import { unreadableText } from './replies.ts';
import { statusTable } from './status-table.ts';
import { type AsideMessage, asideOf, namedAside, retryAside, setAside, takeOut } from './subscriber/aside.ts';
import { runExec } from './subscriber/exec.ts';
import { subscribe } from './subscriber/subscribe.ts';
import { dropSubscriber, inspectAll, openTopic, unknownTopic } from './topic.ts';

const knownSubscribers: NamesOf = async (redis, _beginning, { topic = '', layout }) => {
  const { topics: found } = await openTopic(redis, topic, layout === 'seed' ? 'seed' : 'own').inspect();
  const { subscribers = [], subscriberCount = 0 } = found[0] ?? {};
  // Some of them would look like all.
  return subscribers.length < subscriberCount ? [] : subscribers.map((subscriber) => subscriber.name);
};
const topic = named(word('TOPIC', 'the topic', name), 'topic');
const layout = flagOr(
  'own|seed',
  'which keys: `topic:…`, or the one topic under `pubsub:` that Python programs share',
  v.picklist(['own', 'seed'], 'Expected own or seed'),
  'own',
);

const publishCommand = defineCommand({
  verb: 'publish',
  summary: 'store messages and wake the subscribers',
  words: {
    topic,
    messages: list(
      'MESSAGE',
      'each one message; `-`: each line of stdin; with `--layout seed` COMPLETE is the end',
      v.string(),
      { min: 1 },
    ),
  },
  flags: {
    layout,
    maxAge: optionalFlag('DURATION', 'from now on keep messages at most so long (7d)', durationMs),
    maxLen: optionalFlag(
      'N',
      'from now on keep at most so many messages (no limit)',
      wholeNumber({ min: 1 }),
    ),
    maxBytes: optionalFlag('SIZE', 'from now on let messages take at most so much memory (1GiB)', sizeBytes),
    lapse: optionalFlag('DURATION', 'a subscriber unseen for so long holds nothing back (7d)', durationMs),
  },
  prints: printed.published,
  writes: true,
  examples: [
    'quarterdeck topic publish news "disk full on db3"',
    'tail -F events.ndjson | quarterdeck topic publish events - --max-age 2d',
  ],
  async run(context, input) {
    const { redis } = context;
    const retention = {
      ...(input.maxAge !== undefined && { maxAgeMs: input.maxAge }),
      ...(input.maxLen !== undefined && { maxLen: input.maxLen }),
      ...(input.maxBytes !== undefined && { maxBytes: input.maxBytes }),
      ...(input.lapse !== undefined && { lapseMs: input.lapse }),
    };
    await keep(context, input.topic, input.layout, retention);
    const options = {
      layout: input.layout,
      signal: context.signal,
      timeoutMs: context.config.timeoutMs,
      onRefused: (refusal: unknown) => context.warn(`${messageOf(refusal)}: waiting`),
    };
    const isStream = input.messages.length === 1 && input.messages[0] === '-';
    const published = isStream
      ? await publishLines(redis, input.topic, context.stdin(), {
          ...options,
          unconfirmed: (describe) => context.unconfirmed(describe),
        })
      : await publish(redis, input.topic, input.messages, options);
    await settlePublished(redis);
    const { isComplete, ...stored } = published;
    const json = { topic: input.topic, ...stored, ...(isComplete && { complete: true as const }) };
    return { json, text: publishedText(input.topic, published) };
  },
});

function publishedText(topicName: string, { first, last, count, isComplete }: Published): string {
  const span = first === last ? `id ${first}` : `ids ${first} to ${last}`;
  const stored = `Published ${formatCount(count)} to ${topicName}: ${span}`;
  if (!isComplete) return count === 0 ? 'Published nothing' : stored;
  const end = 'notified its subscribers that this is the end';
  return count === 0 ? `Published nothing to ${topicName}, and ${end}` : `${stored}; ${end}`;
}

async function keep(
  { redis }: CommandContext,
  topicName: string,
  layoutName: LayoutName,
  retention: Partial<Retention>,
): Promise<void> {
  if (Object.keys(retention).length === 0) return;
  if (layoutName === 'seed') throw new LayoutError('it has no retention by age, length or bytes');
  await setRetention(redis, topicName, retention);
}

const subscribeCommand = defineCommand({
  verb: 'subscribe',
  summary: 'print every message, in order; each is acknowledged after it was written or CMD exited with 0',
  words: { topic },
  flags: {
    as: named(word('NAME', 'the subscriber: its position is kept under this name', name), knownSubscribers),
    from: flagOr(
      'start|now',
      'where a name never seen before begins',
      v.picklist(['start', 'now'], 'Expected start or now'),
      'start',
    ),
    exec: optionalFlag('CMD', 'run this shell command for each message, which is on its stdin', v.string()),
    retries: flagOr(
      'N',
      'how often a failing CMD is run again before giving up',
      wholeNumber({ max: 1000 }),
      '5',
    ),
    aside: flagOr(
      'N',
      'set a message aside when CMD fails for good, at most so many; 0: stand before it',
      wholeNumber({ max: 1_000_000 }),
      '0',
    ),
    untilCaughtUp: switchFlag('end when nothing is left'),
    count: optionalFlag('N', 'end after so many', wholeNumber({ min: 1 })),
    standby: switchFlag('wait while another process serves NAME, and take over when it ends'),
    lease: flagOr(
      'DURATION',
      'when this process is silent for so long, another may take over',
      durationMs,
      '5s',
    ),
    layout,
  },
  emits: printed.item,
  writes: true,
  endsWithinMs: 4000,
  examples: [
    'quarterdeck topic subscribe news --as billing --json | jq -r .message',
    "quarterdeck topic subscribe news --as mailer --exec './mail.sh' --standby --aside 100",
  ],
  async run(context, input) {
    if (input.lease < 500) {
      throw new UsageError(`Expected \`--lease\` to be a duration from 500ms up, got \`${input.lease}ms\``);
    }
    const { exec } = input;
    const handled = await subscribe(
      context.redis,
      input.topic,
      {
        as: input.as,
        from: input.from,
        standby: input.standby,
        leaseMs: input.lease,
        layout: input.layout,
        untilCaughtUp: input.untilCaughtUp,
        retries: exec === undefined ? 0 : input.retries,
        aside: exec === undefined ? 0 : input.aside,
        listen: () => context.listen(),
        signal: context.signal,
        timeoutMs: context.config.timeoutMs,
        onTrouble: ({ message }) => context.warn(message),
        ...(input.count !== undefined && { count: input.count }),
        onAside({ id }, error) {
          context.warn(
            `message ${id}: ${messageOf(error)}; set aside, see \`quarterdeck topic aside ${shellWord(input.topic)}\``,
          );
        },
        onRetry(item, error, waitMs) {
          const id = idOf(item);
          const reason = error instanceof Error ? error.message : String(error);
          context.warn(`message ${id}: ${reason}; again in ${waitMs / 1000}s`);
        },
      },
      async (item) => {
        if (exec !== undefined && !isGap(item)) {
          await runFor(context, item, exec, input.topic);
          if (!context.config.json) return;
        }
        await context.emit(item, itemLine(item));
      },
    );
    context.progress(`${formatCount(handled)} handled`);
    return { text: '' };
  },
});

async function runFor(
  context: CommandContext,
  message: Message,
  command: string,
  topicName: string,
): Promise<void> {
  await runExec(message, {
    command,
    topic: topicName,
    signal: context.signal,
    // With --json stdout is for JSON alone.
    onStdout: async (bytes) =>
      context.config.json ? context.warn(Buffer.from(bytes).toString().trimEnd()) : context.write(bytes),
    onStderr: (line) => context.warn(line),
  });
}

function itemLine(item: Item): string {
  if (isGap(item)) {
    const { from, to, reason } = item.gap;
    const why =
      reason === undefined ? 'were removed by retention before they were read' : `are left out: ${reason}`;
    return `gap: messages ${from} to ${to} ${why}`;
  }
  return `${item.id}  ${item.at === null ? '-' : formatClockSeconds(item.at)}  ${item.message}`;
}

const statusCommand = defineCommand({
  verb: 'status',
  summary: 'how far each subscriber is, and what is retained for them',
  words: { topic: named(optionalWord('TOPIC', 'only this one', name), 'topic') },
  flags: { layout, discover: switchFlag('look through all keys for topics that the index does not know') },
  prints: printed.topics,
  writes: false,
  async run(context, input) {
    const also = input.discover ? await discovered(context) : [];
    const { topics, unreadable, cuts } = await (input.topic === undefined
      ? inspectAll(context.redis, also)
      : inspectOne(context.redis, input.topic, input.layout));
    for (const text of [...cuts, ...unreadable.map(unreadableText)]) context.warn(text);
    const text = topics.length === 0 ? 'No topics' : statusTable(topics, Date.now());
    return { json: topics.map(topicJson), text };
  },
});

/** @throws {UnknownNameError} when nobody ever used it; {WrongTypeError} when nothing of it can be read */
async function inspectOne(redis: Client, name: string, layoutName: LayoutName): Promise<Inspection> {
  const inspection = await openTopic(redis, name, layoutName).inspect();
  const [status] = inspection.topics;
  if (!status && inspection.unreadable[0]) throw inspection.unreadable[0].error;
  if (!status || !isThere(status)) throw await unknownTopic(redis, name);
  return inspection;
}

/**
 * Of a topic and its subscriber the topic is looked for first: where there is none, it is named.
 * @throws {UnknownNameError} and what the work throws
 */
async function topicFirst<Value>(
  redis: Client,
  { topic: name, layout: layoutName }: { readonly topic: string; readonly layout: LayoutName },
  work: Promise<Value>,
): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof NoSubscriberError || error instanceof MessageNotAsideError)
      await inspectOne(redis, name, layoutName);
    throw error;
  }
}

/** Topics by their keys, put into the index; of what cannot be read one line on stderr. */
async function discovered({ redis, config, signal, warn }: CommandContext): Promise<readonly string[]> {
  const { topics, foreign } = await discover(redis, signal);
  const said = passedOver(foreign, 'topics');
  if (said !== undefined) warn(said);
  if (!config.readOnly) {
    await registerAll(redis, 'topic', topics);
  }
  return topics;
}

const dropCommand = defineCommand({
  verb: 'drop',
  summary: 'forget a subscriber, and remove what only it held back',
  words: { topic, subscriber: named(word('NAME', 'the subscriber', name), knownSubscribers) },
  flags: { layout },
  prints: printed.dropped,
  writes: true,
  guard: dropGuard,
  final: 'the messages that only it held back are removed; under its name it begins anew',
  async run({ redis }, input) {
    const dropping = dropSubscriber(redis, input.topic, input.subscriber, input.layout);
    const freed = await topicFirst(redis, input, dropping);
    return {
      json: { topic: input.topic, name: input.subscriber, freed },
      text: `Dropped ${input.subscriber} of ${input.topic}; ${counted(freed, 'message')} freed`,
    };
  },
});

const asideCommand = defineCommand({
  verb: 'aside',
  summary: 'the messages that a subscriber could not do, and why',
  words: { topic: named(optionalWord('TOPIC', 'only of this one', name), 'topic') },
  flags: { layout },
  prints: printed.aside,
  writes: false,
  examples: ['quarterdeck topic aside news --json | jq -r .[].reason'],
  async run(context, input) {
    const { redis } = context;
    const { topics, unreadable, cuts } = await (input.topic === undefined
      ? inspectAll(redis)
      : inspectOne(redis, input.topic, input.layout));
    for (const text of [...cuts, ...unreadable.map(unreadableText)]) context.warn(text);
    const allowance = new Allowance(mostOfAll);
    const rows: AsideRow[] = [];
    for (const { topic: topicName, layout: layoutName, subscribers } of topics) {
      const store = openTopic(redis, topicName, layoutName);
      for (const { name: subscriber, aside } of subscribers) {
        if (aside === 0) continue;
        const found = await asideOf(store, subscriber, undefined, allowance);
        for (const cut of found.cuts) context.warn(cut);
        for (const one of found.messages) rows.push({ topic: topicName, name: subscriber, ...one });
      }
    }
    return { json: rows, text: asideText(rows) };
  },
});

type AsideRow = AsideMessage & { readonly topic: string; readonly name: string };

function asideText(rows: readonly AsideRow[]): Text {
  if (rows.length === 0) return 'Nothing is set aside';
  const cells = rows.map(({ topic: topicName, name: subscriber, id, tries, sinceMs, reason, message }) => [
    topicName,
    subscriber,
    String(id),
    formatCount(tries),
    sinceMs === 0 ? '-' : formatClockSeconds(sinceMs),
    sanitise(reason),
    sanitise(message.length > longestShown ? `${message.slice(0, longestShown)}…` : message),
  ]);
  return textTable([['TOPIC', 'SUBSCRIBER', 'ID', 'TRIES', 'SINCE', 'REASON', 'MESSAGE'], ...cells], {
    right: [2, 3],
  });
}

/** In a table; JSON has all of it. */
const longestShown = 60;

const messageIds = list('ID', 'as `topic aside` lists them', wholeNumber({ min: 1 }), { min: 0 });
const everything = switchFlag('everything that is set aside for it');

function idsOf({ ids, all }: { readonly ids: readonly number[]; readonly all: boolean }) {
  if (all === ids.length > 0) throw new UsageError('Expected either ID... or `--all`');
  return all ? ('all' as const) : ids;
}

const retryCommand = defineCommand({
  verb: 'retry',
  summary:
    'do messages again that were set aside: print them, or run CMD for each; what was done is aside no longer',
  words: {
    topic,
    subscriber: named(word('NAME', 'the subscriber', name), knownSubscribers),
    ids: messageIds,
  },
  flags: {
    all: everything,
    exec: optionalFlag('CMD', 'run this shell command for each message, which is on its stdin', v.string()),
    layout,
  },
  emits: printed.message,
  writes: true,
  examples: ["quarterdeck topic retry news mailer --all --exec './mail.sh'"],
  async run(context, input) {
    const store = openTopic(context.redis, input.topic, input.layout);
    const named = namedAside(store, input.subscriber, idsOf(input));
    const { messages, cuts } = await topicFirst(context.redis, input, named);
    for (const cut of cuts) context.warn(cut);
    const failing = (id: number, error: unknown): void => {
      if (!context.signal.aborted) context.warn(`message ${id}: ${messageOf(error)}; it stays aside`);
    };
    const attempt = async (one: AsideMessage): Promise<boolean> => {
      try {
        if (input.exec !== undefined) await runFor(context, one, input.exec, input.topic);
      } catch (error) {
        failing(one.id, error);
        return false;
      }
      const { id, at, message } = one;
      if (input.exec === undefined || context.config.json)
        await context.emit({ id, at, message }, itemLine(one));
      return true;
    };
    const { done, failed } = await retryAside(store, input.subscriber, messages, {
      attempt,
      onTooLarge: failing,
      signal: context.signal,
    });
    if (failed > 0) throw new StillAsideError(input.topic, input.subscriber, failed);
    context.progress(`${formatCount(done)} done`);
    return { text: '' };
  },
});

const discardCommand = defineCommand({
  verb: 'discard',
  summary: 'forget messages that were set aside, without doing them',
  words: {
    topic,
    subscriber: named(word('NAME', 'the subscriber', name), knownSubscribers),
    ids: messageIds,
  },
  flags: { all: everything, layout },
  prints: printed.discarded,
  writes: true,
  final: 'they were too long or too many to be kept here',
  guard: discardGuard,
  examples: ['quarterdeck topic discard news mailer 17 --yes'],
  async run(context, input) {
    const store = openTopic(context.redis, input.topic, input.layout);
    const named = namedAside(store, input.subscriber, idsOf(input));
    const { messages, cuts } = await topicFirst(context.redis, input, named);
    for (const cut of cuts) context.warn(cut);
    const discarded = await takeOut(
      store,
      input.subscriber,
      messages.map(({ id }) => id),
    );
    const gone = new Set(discarded);
    const undo = undoOfDiscard(
      input,
      messages.filter(({ id }) => gone.has(id)),
    );
    return {
      json: { topic: input.topic, name: input.subscriber, discarded },
      text: `Discarded ${counted(discarded.length, 'message')} of ${input.subscriber}`,
      ...(undo && { undo }),
    };
  },
});

/** As much as is kept in memory for an hour, so that it can be set aside again. */
const mostKept = 1024 ** 2;

function undoOfDiscard(
  { topic: name, subscriber, layout }: { topic: string; subscriber: string; layout: LayoutName },
  messages: readonly AsideMessage[],
): Undo | undefined {
  const size = messages.reduce((sum, { message }) => sum + message.length, 0);
  if (messages.length === 0 || size > mostKept || messages.some(({ isCut }) => isCut)) return;
  const what = counted(messages.length, 'message');
  return {
    effect: `${what} ${messages.length === 1 ? 'is' : 'are'} set aside again for ${subscriber}, from now on`,
    async run({ redis }) {
      const store = openTopic(redis, name, layout);
      const [found] = (await store.inspect([subscriber])).topics;
      const known = found?.subscribers.map((one) => one.name) ?? [];
      if (!known.includes(subscriber)) throw new NoSubscriberError(name, subscriber, known);
      for (const one of messages) await setAside(store, subscriber, one, one, Number.MAX_SAFE_INTEGER);
      return `${what} of ${subscriber} set aside again`;
    },
  };
}

export const commands = [
  publishCommand,
  subscribeCommand,
  statusCommand,
  asideCommand,
  retryCommand,
  discardCommand,
  dropCommand,
];

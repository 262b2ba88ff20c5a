import * as v from 'valibot';
import { messageOf, UsageError } from '../../errors.ts';
import { registerAll } from '../../redis/registry.ts';
import { passedOver } from '../../redis/scan.ts';
import { shellWord } from '../../shell-word.ts';
import { counted, formatCount } from '../../ui/format.ts';
import { durationMs, name, sizeBytes, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  list,
  named,
  optionalFlag,
  optionalWord,
  switchFlag,
  word,
} from '../feature.ts';
import { asideCommands } from './aside-commands.ts';
import { discover } from './discover.ts';
import { LayoutError } from './errors.ts';
import { dropGuard } from './guards.ts';
import { itemLine, runFor } from './item-output.ts';
import { inspectOne, knownSubscribers, layout, topic, topicFirst } from './known-names.ts';
import { idOf, isGap, type LayoutName, type Retention, topicJson } from './layout.ts';
import { setRetention } from './own-layout/own-layout.ts';
import * as printed from './printed.ts';
import { type Published, publish, settlePublished } from './publish.ts';
import { publishLines } from './publish-lines.ts';
import { unreadableText } from './replies.ts';
import { statusTable } from './status-table.ts';
import { subscribe } from './subscriber/subscribe.ts';
import { dropSubscriber, inspectAll } from './topic.ts';

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

export const commands = [publishCommand, subscribeCommand, statusCommand, ...asideCommands, dropCommand];

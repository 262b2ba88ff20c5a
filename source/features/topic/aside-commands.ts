import * as v from 'valibot';
import { messageOf, UsageError } from '../../errors.ts';
import { Allowance, mostOfAll } from '../../redis/allowance.ts';
import { counted, formatClockSeconds, formatCount } from '../../ui/format.ts';
import { sanitise } from '../../ui/text.ts';
import { textTable } from '../../ui/text-table.ts';
import { name, wholeNumber } from '../../values.ts';
import {
  defineCommand,
  list,
  named,
  optionalFlag,
  optionalWord,
  switchFlag,
  type Text,
  type Undo,
  word,
} from '../feature.ts';
import { NoSubscriberError, StillAsideError } from './errors.ts';
import { discardGuard } from './guards.ts';
import { itemLine, runFor } from './item-output.ts';
import { inspectOne, knownSubscribers, layout, topic, topicFirst } from './known-names.ts';
import type { LayoutName } from './layout.ts';
import * as printed from './printed.ts';
import { unreadableText } from './replies.ts';
import { type AsideMessage, asideOf, namedAside, retryAside, setAside, takeOut } from './subscriber/aside.ts';
import { inspectAll, openTopic } from './topic.ts';

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

export const asideCommands = [asideCommand, retryCommand, discardCommand];

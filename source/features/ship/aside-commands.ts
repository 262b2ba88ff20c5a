import { UsageError, WrongTypeError } from '../../errors.ts';
import { Allowance, mostOfAll } from '../../redis/allowance.ts';
import { listed } from '../../redis/registry.ts';
import { counted, formatBytes, formatDuration, namesCutTexts } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { name } from '../../values.ts';
import { defineCommand, list, named, optionalWord, switchFlag, type Text, word } from '../feature.ts';
import { type Aside, asideOf, asideParts, dropAside, retryAside } from './channel/aside.ts';
import { NotAsideError } from './channel/errors.ts';
import { dropGuard } from './guards.ts';
import { assertKnown, knownConsumers } from './known-names.ts';
import * as printed from './printed.ts';

const asideCommand = defineCommand({
  verb: 'aside',
  summary: 'parts that a consumer could not take: each with the reason',
  words: { channel: named(optionalWord('CHANNEL', 'only this one', name), 'ship') },
  prints: printed.aside,
  writes: false,
  examples: ['quarterdeck ship aside logs:'],
  async run({ redis, warn }, { channel }) {
    let names: readonly string[];
    if (channel === undefined) {
      const known = await listed(redis, 'ship');
      for (const text of namesCutTexts(known)) warn(text);
      ({ names } = known);
    } else {
      await assertKnown(redis, channel);
      names = [channel];
    }
    const rows: Aside[] = [];
    const allowance = new Allowance(mostOfAll);
    for (const each of names) {
      try {
        for (const one of await asideParts(redis, each, warn, allowance)) rows.push(one);
      } catch (error) {
        if (channel !== undefined || !(error instanceof WrongTypeError)) throw error;
        warn(error.message);
      }
    }
    return { json: rows, text: asideText(rows) };
  },
});

const asideWords = {
  channel: named(word('CHANNEL', 'where it is shipped to', name), 'ship'),
  consumer: named(word('CONSUMER', 'who set them aside', name), knownConsumers),
};

const retryCommand = defineCommand({
  verb: 'retry',
  summary: 'let a consumer take again what it had set aside',
  words: { ...asideWords, parts: list('PART', 'as `ship aside` lists them', name, { min: 0 }) },
  flags: { all: switchFlag('every part that it has set aside') },
  prints: printed.retried,
  writes: true,
  examples: ['quarterdeck ship retry logs: 0 --all'],
  final: 'the consumer takes them with its next look; what it cannot take it sets aside again',
  async run({ redis }, { channel, consumer, parts, all }) {
    if (all === parts.length > 0)
      throw new UsageError('Expected parts to take again, or --all', {
        hint: 'Usage: quarterdeck ship retry CHANNEL CONSUMER PART... | --all',
      });
    await assertKnown(redis, channel);
    const wanted = all ? [...(await asideOf(redis, channel, consumer)).keys()] : parts;
    const { retried, unknown } = await retryAside(redis, channel, consumer, wanted);
    if (unknown.length > 0 && retried === 0) throw new NotAsideError(channel, consumer, unknown);
    return {
      json: { channel, consumer, retried, unknown },
      text: [
        `Consumer ${consumer} of ${channel} takes ${counted(retried, 'part')} again`,
        ...unknown.map((part) => `\`${part}\` is not aside`),
      ],
    };
  },
});

const dropCommand = defineCommand({
  verb: 'drop',
  summary: 'give up parts that a consumer had set aside: it never gets them',
  words: { ...asideWords, parts: list('PART', 'as `ship aside` lists them', name, { min: 1 }) },
  prints: printed.dropped,
  writes: true,
  guard: dropGuard,
  examples: ['quarterdeck ship drop logs: 0 app.log --yes'],
  final: 'the parts that only it was missing are freed',
  async run({ redis }, { channel, consumer, parts }) {
    await assertKnown(redis, channel);
    const { dropped, freedBytes, unknown } = await dropAside(redis, channel, consumer, parts);
    if (dropped.length === 0) throw new NotAsideError(channel, consumer, unknown);
    return {
      json: { channel, consumer, dropped, freedBytes, unknown },
      text: [
        ...dropped.map((part) => `Gave up ${part} for consumer ${consumer} of ${channel}`),
        ...unknown.map((part) => `\`${part}\` is not aside`),
      ],
    };
  },
});

function asideText(rows: readonly Aside[]): Text {
  if (rows.length === 0) return 'Nothing is set aside';
  return textTable(
    rows.map(({ channel, consumer, part, bytes, reason, sinceMs, isRetried }) => [
      channel,
      consumer,
      part,
      formatBytes(bytes),
      reason,
      isRetried ? 'taken again next' : `${formatDuration(Math.max(0, Date.now() - sinceMs))} ago`,
    ]),
    { right: [3] },
  );
}

export const asideCommands = [asideCommand, retryCommand, dropCommand];

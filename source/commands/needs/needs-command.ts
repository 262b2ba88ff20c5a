import * as v from 'valibot';
import { messageOf, QuarterdeckError, UsageError } from '../../errors.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  type Outcome,
  optionalFlag,
  type Undo,
  word,
} from '../../features/feature.ts';
import { loadFeature } from '../../features/index.ts';
import type { Printed } from '../../features/printed.ts';
import { didYouMean } from '../../nearest.ts';
import { type Ack, needSentence, type OpenNeed } from '../../need.ts';
import { formatAge, formatClock } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { durationMs } from '../../values.ts';
import * as printed from '../printed.ts';
import { chosenFeatures, paneFlag } from '../snapshot.ts';
import { readAcks, removeAck, writeAck } from './acks.ts';
import { countNeeds } from './needs.ts';
import { makeNeedsReader } from './read-needs.ts';

export class NeedUnknownError extends QuarterdeckError {
  constructor(id: string, known: readonly string[]) {
    super('data', 'NEED_UNKNOWN', `Nothing that needs somebody is called \`${id}\``, {
      hint: `${didYouMean(id, known)}\`quarterdeck needs\` lists what does`,
    });
  }
}

export const needsCommand = defineCommand({
  verb: 'needs',
  summary: 'list what needs a human, the most urgent first; exit 1 if something bad is among it',
  flags: { pane: paneFlag },
  prints: printed.needs,
  writes: false,
  partial: true,
  examples: ['quarterdeck needs --json', "quarterdeck watch --fail-if 'needs.bad > 0'"],
  async run(context, { pane }) {
    const features = await chosenFeatures(pane);
    const needs = await makeNeedsReader(features, context.config).read(context);
    const json = needs.map(needJson);
    return { json, text: textOf(needs), exitCode: countNeeds(needs).bad > 0 ? 1 : 0 };
  },
});

/** As scripts see it. */
export function needJson({ id, feature, name, severity, words, sinceMs, ack, kind }: OpenNeed) {
  return {
    id,
    feature,
    name,
    severity,
    words,
    sinceMs: sinceMs ?? null,
    acked: ack ? { by: ack.by, note: ack.note, atMs: ack.atMs, untilMs: ack.untilMs } : null,
    kind,
  };
}

function textOf(needs: readonly OpenNeed[]): string | string[] {
  if (needs.length === 0) return 'Nothing needs anybody';
  const nowMs = Date.now();
  return textTable(
    needs.map(({ feature, name, severity, words, sinceMs, ack }) => [
      ack ? 'acked' : severity,
      feature,
      name,
      words,
      sinceMs === undefined ? '' : `for ${formatAge(nowMs - sinceMs)}`,
      ack ? `${ack.by}${ack.note === '' ? '' : `: ${ack.note}`}, until ${formatClock(ack.untilMs)}` : '',
    ]),
  );
}

const which = word('ID', 'which need, as `quarterdeck needs --json` calls it', v.string());

export const ackCommand = defineCommand({
  verb: 'ack',
  summary: 'say that you are on it: everybody sees so, until then or until it gets worse',
  words: { id: which },
  flags: {
    note: optionalFlag('TEXT', 'what you are doing about it', v.pipe(v.string(), v.maxLength(400))),
    for: flagOr('DURATION', 'for how long', durationMs, '24h'),
  },
  prints: printed.ack,
  writes: true,
  examples: ["quarterdeck ack 'topic.dead orders/audit' --note 'vm-7 restarts' --for 1h"],
  async run(context, { id, note = '', for: forMs }) {
    const features = await chosenFeatures(undefined);
    const needs = await makeNeedsReader(features, context.config).read(context);
    const need = needs.find((one) => one.id === id);
    const known = needs.map((one) => one.id);
    if (!need) throw new NeedUnknownError(id, known);
    return await acknowledge(context, need, { note, forMs });
  },
});

/** Says in Redis that the operator is on it, and in the room of the config. */
export async function acknowledge(
  context: CommandContext,
  need: OpenNeed,
  { note, forMs }: { readonly note: string; readonly forMs: number },
): Promise<Outcome<Printed<typeof printed.ack>>> {
  const ack = ackOf(context.config.operator, need, { note, forMs });
  await writeAck(context.redis, need.id, ack);
  const about = note === '' ? '' : `: ${note}`;
  await tellRoom(context, `* ${ack.by} is on ${needSentence(need)}${about}`);
  const { by, atMs, untilMs } = ack;
  return {
    json: { id: need.id, by, note, atMs, untilMs },
    text: `${need.name} is yours until ${formatClock(untilMs)}`,
    undo: need.ack ? putBack(need.id, need.ack, ack) : takenOff(need, ack),
  };
}

function takenOff({ id, name }: OpenNeed, ack: Ack): Undo {
  return {
    effect: `Nobody is on ${name} then`,
    async run(context) {
      await assertStill(context, id, ack);
      await removeAck(context.redis, id);
      await tellRoom(context, `* ${context.config.operator} is not on ${id} any more`);
      return `${name} is nobody's again`;
    },
  };
}

/** @param now what it replaced it with; undefined: nothing */
function putBack(id: string, before: Ack, now: Ack | undefined): Undo {
  const until = formatClock(before.untilMs);
  return {
    effect: `${before.by} is on it then, until ${until}`,
    async run(context) {
      await assertStill(context, id, now);
      if (before.untilMs <= Date.now()) throw new AckChangedError(id, `that was until ${until}, and is over`);
      await writeAck(context.redis, id, before);
      await tellRoom(context, `* ${context.config.operator} puts back that ${before.by} is on ${id}`);
      return `${id} is ${before.by}'s until ${until}`;
    },
  };
}

/** @throws {AckChangedError} when somebody else has said something of it meanwhile */
async function assertStill(context: CommandContext, id: string, expected: Ack | undefined): Promise<void> {
  const found = (await readAcks(context.redis)).get(id);
  if (found?.by === expected?.by && found?.atMs === expected?.atMs) return;
  throw new AckChangedError(id, found ? `${found.by} has said so meanwhile` : 'nobody is on it any more');
}

/** Others have gone on from what was to be taken back. */
export class AckChangedError extends QuarterdeckError {
  constructor(id: string, reason: string) {
    super('data', 'ACK_CHANGED', `Nothing was taken back of \`${id}\`: ${reason}`, {
      hint: '`quarterdeck needs` shows who is on what',
    });
  }
}

export function ackOf(
  by: string,
  { severity, figure }: OpenNeed,
  { note, forMs }: { readonly note: string; readonly forMs: number },
): Ack {
  const atMs = Date.now();
  return { by, note, atMs, untilMs: atMs + forMs, severity, ...(figure !== undefined && { figure }) };
}

export const unackCommand = defineCommand({
  verb: 'unack',
  summary: 'take back that somebody is on it',
  words: { id: which },
  prints: printed.unack,
  writes: true,
  async run(context, { id }) {
    // Only for taking it back: where they cannot be read, they can be removed all the same.
    const before = await readAcks(context.redis).then(
      (acks) => acks.get(id),
      () => undefined,
    );
    const removed = await removeAck(context.redis, id);
    if (removed) await tellRoom(context, `* ${context.config.operator} is not on ${id} any more`);
    return {
      json: { id, removed },
      text: removed ? `${id} is nobody's again` : `Nobody was on ${id}`,
      exitCode: removed ? 0 : 1,
      ...(before && removed && { undo: putBack(id, before, undefined) }),
    };
  },
});

/** Says it in the room that the config names; that it could not be said does not undo what was done. */
async function tellRoom(context: CommandContext, text: string): Promise<void> {
  if (context.config.room === undefined) return;
  try {
    await sayInRoom(context, text);
  } catch (error) {
    context.warn(`It was not posted in ${context.config.room}: ${messageOf(error)}`);
  }
}

/** @throws {UsageError} when the config names no room, and what `chat send` throws */
export async function sayInRoom(context: CommandContext, text: string): Promise<Outcome> {
  const { room } = context.config;
  if (room === undefined) {
    throw new UsageError('The config names no room to tell it in', {
      hint: 'Write `"room": "ops"` into the config file',
    });
  }
  const chat = await loadFeature('chat');
  const send = chat?.commands.find(({ verb }) => verb === 'send');
  await send?.run(context, { room, text: [text], as: undefined, wait: 2000, unseen: false });
  return { text: `Posted in ${room}` };
}

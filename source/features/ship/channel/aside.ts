import { compareNames } from '../../../compare-names.ts';
import { Allowance, mostOfAll, mostOfOne } from '../../../redis/allowance.ts';
import type { Client } from '../../../redis/client.ts';
import { literally } from '../../../redis/registry.ts';
import { asIntegers } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { counted, onlyText } from '../../../ui/format.ts';
import { requireName } from '../../../values.ts';
import dropLua from './drop.lua';
import { AsideFullError } from './errors.ts';
import { budgetChannel, channelKeys, counterKey, dataKey, messageChannel, publishCommand } from './keys.ts';
import { type AsideRecord, asideField, asideFieldParts, parseAside, scanHash } from './ledger.ts';
import { replyWords } from './reply.ts';
import retryLua from './retry.lua';

/**
 * Parts that a consumer cannot take, and the others not held up by them.
 *
 * Such a part stays in Redis, within the budget, and the consumer goes on behind it; later parts of the same file are
 * set aside with it, because a file is delivered in its order. It is delivered again when somebody asks for it, or given up.
 */
export type Aside = {
  readonly channel: string;
  readonly consumer: string;
  readonly part: string;
  readonly file: string;
  readonly bytes: number;
  readonly reason: string;
  /** Epoch ms. */
  readonly sinceMs: number;
  /** How often it was delivered and refused. */
  readonly tries: number;
  /** It is going to be delivered again. */
  readonly isRetried: boolean;
};

/**
 * The parts of a channel that are aside, those of one consumer together in the order they were announced in.
 * @param onCut called with a sentence that says what is missing: where there is too much of it, or no such record
 */
export async function asideParts(
  redis: Client,
  channel: string,
  onCut: (text: string) => void = () => {},
  all = new Allowance(mostOfAll),
): Promise<Aside[]> {
  const { aside: key } = channelKeys(redis, channel);
  const allowance = new Allowance(mostOfOne, all);
  let met = 0;
  let unreadable = 0;
  let isCut = false;
  const found: { readonly id: number; readonly aside: Aside }[] = [];
  const collect = async (): Promise<void> => {
    for await (const [field, json] of scanHash(redis, key)) {
      isCut = allowance.isSpent;
      if (isCut) return;
      met += 1;
      allowance.takeBytes(field.length + json.length);
      const record = parseAside(json);
      if (!record) {
        unreadable += 1;
        continue;
      }
      const { id, file, bytes, reason, since, tries, retry } = record;
      const at = { channel, ...asideFieldParts(field) };
      found.push({ id, aside: { ...at, file, bytes, reason, sinceMs: since, tries, isRetried: retry } });
    }
  };
  await typed(redis, { [key]: 'hash' }, collect());
  if (unreadable > 0)
    onCut(`${counted(unreadable, 'record')} in \`${key}\` cannot be read: something else writes there`);
  if (isCut) {
    const total = await retryAborted(() => redis.hlen(key));
    onCut(onlyText(met, total, `parts aside of \`${channel}\``, mostOfOne));
  }
  return found
    .sort((a, b) => compareNames(a.aside.consumer, b.aside.consumer) || a.id - b.id)
    .map(({ aside }) => aside);
}

async function* asideRecords(
  redis: Client,
  channel: string,
  match?: string,
): AsyncGenerator<[string, AsideRecord]> {
  const wanted = match === undefined ? {} : { match };
  for await (const [field, json] of scanHash(redis, channelKeys(redis, channel).aside, wanted)) {
    const record = parseAside(json);
    if (record) yield [field, record];
  }
}

/** What one consumer has set aside, by part. @throws {AsideFullError} where that is more than can be read */
export async function asideOf(
  redis: Client,
  channel: string,
  consumer: string,
): Promise<Map<string, AsideRecord>> {
  requireName(consumer);
  const found = new Map<string, AsideRecord>();
  const allowance = new Allowance(mostOfOne);
  for await (const [field, record] of asideRecords(redis, channel, `${literally(consumer)}:*`)) {
    const at = asideFieldParts(field);
    if (at.consumer !== consumer) continue;
    found.set(at.part, record);
    allowance.takeBytes(field.length + record.file.length + record.reason.length);
    if (allowance.isSpent)
      throw new AsideFullError(
        channel,
        found.size,
        `of consumer ${consumer} there are more than can be read`,
      );
  }
  return found;
}

const pageParts = 500;

/**
 * Lets a consumer take parts again: the running one at once, otherwise the next.
 * @returns those that are not aside
 */
export async function retryAside(
  redis: Client,
  channel: string,
  consumer: string,
  parts: readonly string[],
): Promise<{ readonly retried: number; readonly unknown: readonly string[] }> {
  requireName(consumer);
  const keys = channelKeys(redis, channel);
  const unknown: string[] = [];
  for (let i = 0; i < parts.length; i += pageParts) {
    const page = parts.slice(i, i + pageParts);
    const found = await retryScript(
      redis,
      [keys.aside, keys.settings],
      [publishCommand(redis), messageChannel(keys), ...page.map((part) => asideField(consumer, part))],
    );
    unknown.push(...page.filter((_, index) => found[index] !== 1));
  }
  return { retried: parts.length - unknown.length, unknown };
}

/**
 * Gives up parts that a consumer had set aside: they count as finished by it, and are freed when nobody else needs them.
 * @returns those that are not aside
 */
export async function dropAside(
  redis: Client,
  channel: string,
  consumer: string,
  parts: readonly string[],
): Promise<{
  readonly dropped: readonly string[];
  readonly freedBytes: number;
  readonly unknown: readonly string[];
}> {
  requireName(consumer);
  const keys = channelKeys(redis, channel);
  const dropped: string[] = [];
  const unknown: string[] = [];
  let freedBytes = 0;
  for (const part of parts) {
    const [outcome, freed] = await dropScript(
      redis,
      [keys.settings, keys.parts, keys.aside, dataKey(keys, part), counterKey(keys, part)],
      [consumer, part, publishCommand(redis), budgetChannel(keys)],
    );
    if (outcome === 'unknown') unknown.push(part);
    else dropped.push(part);
    freedBytes += Number(freed ?? 0);
  }
  return { dropped, freedBytes, unknown };
}

const retryScript = defineScript({ lua: retryLua, parse: asIntegers });
const dropScript = defineScript({ lua: dropLua, parse: replyWords });

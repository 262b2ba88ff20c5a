import type { Config } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { NeedOff, NeedRule } from '../../file-settings.ts';
import { type Ack, type Need, needId, type OpenNeed } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { parseComparison } from '../condition.ts';

/**
 * The registry of what needs a human: what the features find, what the config adds and takes away, who is on it, and
 * in which order it is shown. Pure; the console and scripts read it alike.
 */
export type Registry = {
  /** What is open now, the most urgent first. Called whenever a slice changed. */
  open(input: RegistryInput): readonly OpenNeed[];
};

export type RegistryInput = {
  readonly features: readonly AnyFeature[];
  readonly slices: Readonly<Record<string, unknown>>;
  /** Of this console's clock. */
  readonly nowMs: number;
  readonly acks: ReadonlyMap<string, Ack>;
  /** What is wrong with the console itself: a server that is lost, a pane that cannot be read. */
  readonly own?: readonly FoundNeed[];
  /** Features that have been read; all unless given. Only what these lacked a moment ago is known to begin now. */
  readonly known?: ReadonlySet<string>;
};

/** A need and the feature it is of. */
export type FoundNeed = Need & { readonly feature: string };

/** A little later than the acknowledgement a need may be found to have begun: clocks differ, and so do readings. */
const toleranceMs = 5000;

/**
 * @param isPart only some of the features there are: rules about others are left out
 * @throws {UsageError} when a rule of the config names no feature, or no field of it
 */
export function makeRegistry(
  rules: Config['needs'],
  features: readonly AnyFeature[],
  { isPart = false }: { readonly isPart?: boolean } = {},
): Registry {
  const nouns = new Set(features.map(({ noun }) => noun));
  const wanted = rules
    .filter((one): one is NeedRule => 'if' in one)
    .filter((one) => !isPart || nouns.has(one.if.trim().split('.', 1)[0] ?? ''))
    .map((one) => compiled(one, features));
  const unwanted = rules.filter((one): one is NeedOff => 'off' in one);
  /** When each was first seen here, undefined where it was there before; and since when each rule holds. */
  const seen = new Map<string, number | undefined>();
  const holding = new Map<string, number>();
  let knownBefore: ReadonlySet<string> = new Set();

  const isOff = (feature: string, { kind, name }: Need): boolean =>
    unwanted.some((one) => one.off === `${feature}.${kind}` && matches(one.name ?? '*', name));

  return {
    open({ features: chosen, slices, nowMs, acks, own = [], known }) {
      const found = chosen.flatMap((feature) => {
        const { noun } = feature;
        const slice = slices[noun];
        const needs = feature
          .needs(slice, nowMs)
          .filter((need: Need) => !isOff(noun, need))
          .map((need: Need) => ({ ...need, feature: noun }));
        const ruled = wanted
          .filter((rule) => rule.noun === noun)
          .flatMap((rule) => rule.needs(feature, slice, nowMs, holding));
        return [...needs, ...ruled];
      });
      const open = new Map<string, OpenNeed>();
      for (const { feature, ...need } of [...own, ...found]) {
        const id = needId(feature, need);
        if (!seen.has(id)) seen.set(id, knownBefore.has(feature) ? nowMs : undefined);
        const whole = { ...need, id, feature, sinceMs: need.sinceMs ?? seen.get(id) };
        open.set(id, { ...whole, ack: ackFor(whole, acks.get(id), nowMs) });
      }
      for (const id of seen.keys()) if (!open.has(id)) seen.delete(id);
      knownBefore = known ?? new Set(chosen.map(({ noun }) => noun));
      return [...open.values()].sort(byUrgency);
    },
  };
}

/** An acknowledgement holds until its end, and until the need has become another or a worse one. */
export function ackFor(
  need: Pick<OpenNeed, 'severity' | 'figure' | 'sinceMs'>,
  ack: Ack | undefined,
  nowMs: number,
): Ack | undefined {
  if (!ack || nowMs >= ack.untilMs) return;
  if (ack.severity === 'warn' && need.severity === 'bad') return;
  if (ack.figure !== undefined && ack.figure > 0 && (need.figure ?? 0) >= ack.figure * 2) return;
  if (need.sinceMs !== undefined && need.sinceMs > ack.atMs + toleranceMs) return;
  return ack;
}

/** Those nobody is on, bad before warn, the oldest first; then those of which nobody knows since when. */
function byUrgency(a: OpenNeed, b: OpenNeed): number {
  return (
    Number(a.ack !== undefined) - Number(b.ack !== undefined) ||
    Number(a.severity === 'warn') - Number(b.severity === 'warn') ||
    (a.sinceMs ?? Number.MAX_SAFE_INTEGER) - (b.sinceMs ?? Number.MAX_SAFE_INTEGER) ||
    (a.id < b.id ? -1 : 1)
  );
}

/** How many there are that nobody is on, and how many somebody is. */
export type Counts = { readonly bad: number; readonly warn: number; readonly acked: number };

export function countNeeds(needs: readonly OpenNeed[]): Counts {
  const free = needs.filter(({ ack }) => !ack);
  return {
    bad: free.filter(({ severity }) => severity === 'bad').length,
    warn: free.filter(({ severity }) => severity === 'warn').length,
    acked: needs.length - free.length,
  };
}

type Compiled = {
  readonly noun: string;
  needs(
    feature: AnyFeature,
    slice: unknown,
    nowMs: number,
    holding: Map<string, number>,
  ): readonly FoundNeed[];
};

function compiled(rule: NeedRule, features: readonly AnyFeature[]): Compiled {
  const { path, operator, wanted, holds } = parseComparison(rule.if);
  const [noun = '', field = ''] = path.split('.');
  const feature = features.find((one) => one.noun === noun);
  if (!feature || !Object.hasOwn(feature.list.fields, field)) {
    const known = feature ? Object.keys(feature.list.fields) : features.map((one) => one.noun);
    throw new UsageError(`The config's need \`${rule.if}\` is about nothing there is`, {
      code: 'BAD_CONFIG',
      hint: `Known${feature ? ` of ${noun}` : ''}: ${known.join(', ')}`,
    });
  }
  return {
    noun,
    needs({ list }, slice, nowMs, holding) {
      const value = (row: unknown) => list.fields[field]?.(row, nowMs);
      const rows: readonly unknown[] = list.rows(slice);
      const part = list.part ? list.part(slice) : partOf(rows.length, list.total?.(slice) ?? 0);
      const found = rows.flatMap((row: unknown) => {
        const own = value(row);
        const key = `${rule.if} ${list.id(row)}`;
        if (!holds(own)) {
          holding.delete(key);
          return [];
        }
        const sinceMs = holding.get(key) ?? nowMs;
        holding.set(key, sinceMs);
        if (nowMs - sinceMs < (rule.for ?? 0)) return [];
        return [
          {
            feature: noun,
            kind: `${field}${operator}${wanted}`,
            name: list.name(row),
            row: list.id(row),
            severity: rule.severity,
            words: `${field} ${typeof own === 'number' ? Math.round(own) : own} ${operator} ${wanted}`,
            figure: typeof own === 'number' ? own : undefined,
            sinceMs,
          },
        ];
      });
      if (part === undefined) return found;
      // Of the others nobody knows whether it holds.
      const words = `is known of ${part} only`;
      return [...found, { feature: noun, kind: 'partial', name: `rule ${rule.if}`, severity: 'warn', words }];
    },
  };
}

function partOf(rows: number, total: number): string | undefined {
  return total > rows ? `${formatCount(rows)} of ${formatCount(total)} rows` : undefined;
}

/** `cache:*`: `*` stands for anything. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const [index, part] of rest.entries()) {
    const isLast = index === rest.length - 1;
    const found = isLast && part !== '' ? name.lastIndexOf(part) : name.indexOf(part, at);
    if (found < at) return false;
    at = found + part.length;
    if (isLast && part !== '' && at !== name.length) return false;
  }
  return rest.length > 0 || at === name.length;
}

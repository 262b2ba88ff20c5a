import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { durationMs, sizeBytes } from '../values.ts';

/**
 * A condition over a snapshot, for `--fail-if`: `topic.lag > 1000`, `ship.state == stalled`, `lock.heldMs > 5m`.
 *
 * The path names a feature, then fields; between two steps any number of levels and list items may lie, so
 * `topic.lag` is the lag of every subscriber of every topic. It holds if any value it reaches does.
 */
export type Condition = {
  readonly text: string;
  /** The first step: whose part of the snapshot it is about. */
  readonly noun: string;
  holds(snapshot: unknown): boolean;
  /** Whether that part could not be read, or is the server's and does not say it. */
  isUnknown(snapshot: unknown): boolean;
  /** Whether that part tells of something, and nothing in it bears such a name: then it never will hold. */
  isAstray(snapshot: unknown): boolean;
};

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
};

/** A path and what its values are compared with. */
export type Comparison = {
  readonly path: string;
  readonly operator: string;
  /** What it compares with, as it was written. */
  readonly wanted: string;
  holds(value: unknown): boolean;
};

/** @throws {UsageError} when it is not `path operator value` */
export function parseComparison(text: string): Comparison {
  const match = /^\s*([\w.-]+)\s*(>=|<=|==|!=|>|<)\s*([^\s<>=!].*?)\s*$/.exec(text);
  const [, path, operator, wanted] = match ?? [];
  const compare = operator === undefined ? undefined : comparisons[operator];
  if (path === undefined || wanted === undefined || compare === undefined) {
    throw new UsageError(`Expected a condition such as \`topic.lag > 1000\`, got \`${text}\``);
  }
  const target = literal(wanted);
  return {
    path,
    operator: operator ?? '',
    wanted,
    holds(value) {
      const order = ordered(value, target);
      return order !== undefined && compare(order);
    },
  };
}

/** @throws {UsageError} when it is not `path operator value` */
export function parseCondition(text: string): Condition {
  const { path, holds } = parseComparison(text);
  const [noun = '', ...fields] = path.split('.');
  return {
    text,
    noun,
    isUnknown(snapshot) {
      const part: unknown = Object(snapshot)[noun];
      if (part === null) return true;
      // Of the others null is a value: nothing waits, nobody holds it.
      return noun === 'server' && reached(part, fields).some((value) => value === null);
    },
    isAstray(snapshot) {
      const part: unknown = Object(snapshot)[noun];
      return !isEmpty(part) && !isKnown(part, fields);
    },
    holds: (snapshot) => reached(snapshot, path.split('.')).some(holds),
  };
}

/** Plain number, then duration in ms, then size in bytes, else the word itself. */
function literal(text: string): number | string {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  for (const schema of [durationMs, sizeBytes]) {
    const result = v.safeParse(schema, text);
    if (result.success) return result.output;
  }
  return text.replaceAll(/^["']|["']$/g, '');
}

function ordered(value: unknown, target: number | string): number | undefined {
  if (typeof value === 'number' && typeof target === 'number') return value - target;
  if (typeof value === 'string' || typeof value === 'boolean') {
    const [left, right] = [String(value), String(target)];
    return left === right ? 0 : left < right ? -1 : 1;
  }
}

function reached(value: unknown, steps: readonly string[]): unknown[] {
  const [step, ...rest] = steps;
  if (step === undefined) return Array.isArray(value) ? value.flatMap((item) => reached(item, [])) : [value];
  if (Array.isArray(value)) return value.flatMap((item) => reached(item, steps));
  if (typeof value !== 'object' || value === null) return [];
  const fields = Object.entries(value);
  const direct = fields.filter(([name]) => name === step).flatMap(([, inner]) => reached(inner, rest));
  const deeper = fields.filter(([name]) => name !== step).flatMap(([, inner]) => reached(inner, steps));
  return [...direct, ...deeper];
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** What is null now may hold the rest of the path at another time; so may a list that is empty now. */
function isKnown(value: unknown, steps: readonly string[]): boolean {
  const [step, ...rest] = steps;
  if (step === undefined || isEmpty(value)) return true;
  if (Array.isArray(value)) return value.some((item) => isKnown(item, steps));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, inner]) =>
    name === step
      ? isKnown(inner, rest)
      : typeof inner === 'object' && !isEmpty(inner) && isKnown(inner, steps),
  );
}

import * as v from 'valibot';
import type { Client } from '../redis/client.ts';

/** A positional word or a flag of a command, with the schema that turns its text into a value. */
export type Parameter<Value> = {
  /** `value`: one text; `switch`: true or absent; `list`: every remaining word, or a flag given repeatedly. */
  readonly kind: 'value' | 'switch' | 'list';
  /** How it is called in usage lines, such as `NAME`. */
  readonly label: string;
  readonly summary: string;
  readonly schema: v.GenericSchema<unknown, Value>;
  /** The flag's one letter, such as `n` in `lock run -n`. */
  readonly short?: string;
  /** Names of the server in use that may stand for it, for a shell that completes it: an index of them, or where else they are. */
  readonly names?: string | NamesOf;
};

/**
 * What may stand there, with all that begins so; more does no harm. `given` are the other words and flags of the command,
 * by their names in its declaration, as they were typed. Never anything secret, such as a lock's token.
 */
export type NamesOf = (
  redis: Client,
  beginning: string,
  given: Readonly<Record<string, string>>,
) => Promise<readonly string[]>;

/** The parameter, completed with names of an index such as `lock`, or with what is found. */
export function named<Value>(parameter: Parameter<Value>, names: string | NamesOf): Parameter<Value> {
  return { ...parameter, names };
}

export function word<Value>(
  label: string,
  summary: string,
  schema: v.GenericSchema<string, Value>,
): Parameter<Value> {
  return { kind: 'value', label, summary, schema: schema as v.GenericSchema<unknown, Value> };
}

export function optionalWord<Value>(
  label: string,
  summary: string,
  schema: v.GenericSchema<string, Value>,
): Parameter<Value | undefined> {
  return {
    kind: 'value',
    label,
    summary,
    schema: v.optional(schema) as unknown as v.GenericSchema<unknown, Value | undefined>,
  };
}

/** All remaining words (or a repeated flag), at least `min` of them. */
export function list<Value>(
  label: string,
  summary: string,
  schema: v.GenericSchema<string, Value>,
  { min = 0 }: { min?: number } = {},
): Parameter<Value[]> {
  const items = v.pipe(v.array(schema), v.minLength(min, `Expected at least ${min} ${label}`));
  return {
    kind: 'list',
    label,
    summary,
    schema: v.optional(items, []) as unknown as v.GenericSchema<unknown, Value[]>,
  };
}

/** A flag that must be given. */
export const flag = word;
/** A flag that may be left out: its value is then undefined. */
export const optionalFlag = optionalWord;

/** A flag with a default, written as the user would write it (`10s`, `20`). */
export function flagOr<Value>(
  label: string,
  summary: string,
  schema: v.GenericSchema<string, Value>,
  fallback: string,
): Parameter<Value> {
  return {
    kind: 'value',
    label,
    summary: `${summary} (${fallback})`,
    schema: v.optional(schema, fallback) as unknown as v.GenericSchema<unknown, Value>,
  };
}

export function switchFlag(summary: string, { short }: { short?: string } = {}): Parameter<boolean> {
  return {
    kind: 'switch',
    label: '',
    summary,
    schema: v.optional(v.boolean(), false) as unknown as v.GenericSchema<unknown, boolean>,
    ...(short !== undefined && { short }),
  };
}

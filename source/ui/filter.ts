import { runInNewContext } from 'node:vm';
import * as v from 'valibot';
import { durationMs, sizeBytes } from '../values.ts';
import type { FieldValue } from './list.ts';

/**
 * What is typed behind `/`: words that must all match. `'exact` as it stands, `^start`, `end$`, `!not`, `a|b`,
 * `~regex`, `lag>100`, `held>5m`, `owner:ci-14`. Letters match in either case.
 *
 * A plain word matches where it stands in a text. When nothing matches so, its letters need only follow each other in
 * that order, so that a slip still finds what was meant, and the list says that it is guessing.
 */
export type Filter = {
  /** Whether it compares fields, whose values the clock may move. */
  readonly usesFields: boolean;
  apply<Row>(rows: readonly Row[], about: About<Row>): Filtered<Row>;
};

export type About<Row> = {
  texts(row: Row): readonly string[];
  field(row: Row, name: string): FieldValue;
};

export type Filtered<Row> = {
  readonly rows: readonly Row[];
  readonly isLoose: boolean;
  readonly mistake: string | undefined;
};

type Test =
  | { readonly kind: 'has' | 'exact' | 'start' | 'end'; readonly text: string }
  | { readonly kind: 'field'; readonly field: string; readonly operator: string; readonly value: string };
/** One word: any of its alternatives, or none of them. */
type Term = { readonly isNot: boolean; readonly tests: readonly Test[] };

/** A regex of a user's own may take for ever on a text that nearly matches. */
const regexMs = 50;

export function parseFilter(text: string, fields: readonly string[]): Filter {
  const trimmed = text.trim();
  if (trimmed.startsWith('~')) return regexFilter(trimmed.slice(1));
  const terms = trimmed
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => termOf(word, fields))
    .filter(({ tests }) => tests.length > 0);
  return {
    usesFields: terms.some(({ tests }) => tests.some(({ kind }) => kind === 'field')),
    apply(rows, about) {
      if (terms.length === 0) return { rows, isLoose: false, mistake: undefined };
      const strict = rows.filter((row) => matches(row, about, terms, false));
      if (strict.length > 0) return { rows: strict, isLoose: false, mistake: undefined };
      const loose = rows.filter((row) => matches(row, about, terms, true));
      return { rows: loose, isLoose: loose.length > 0, mistake: undefined };
    },
  };
}

function termOf(word: string, fields: readonly string[]): Term {
  const isNot = word.startsWith('!') && word.length > 1;
  const tests = (isNot ? word.slice(1) : word)
    .split('|')
    .filter((one) => one !== '')
    .map((one) => testOf(one, fields));
  return { isNot, tests };
}

function testOf(word: string, fields: readonly string[]): Test {
  const [, field, operator, value] = /^([\w.]+)(>=|<=|!=|=|>|<|:)(.+)$/.exec(word) ?? [];
  if (field !== undefined && operator !== undefined && value !== undefined && fields.includes(field)) {
    return { kind: 'field', field, operator, value };
  }
  const text = word.toLowerCase();
  if (text.length > 1 && text.startsWith("'")) return { kind: 'exact', text: text.slice(1) };
  if (text.length > 1 && text.startsWith('^')) return { kind: 'start', text: text.slice(1) };
  if (text.length > 1 && text.endsWith('$')) return { kind: 'end', text: text.slice(0, -1) };
  return { kind: 'has', text };
}

function matches<Row>(row: Row, about: About<Row>, terms: readonly Term[], isLoose: boolean): boolean {
  const texts = about.texts(row).map((text) => text.toLowerCase());
  return terms.every(({ isNot, tests }) => {
    const holds = tests.some((test) =>
      test.kind === 'field'
        ? compares(about.field(row, test.field), test.operator, test.value)
        : texts.some((text) => finds(text, test.kind, test.text, isLoose && !isNot)),
    );
    return holds !== isNot;
  });
}

function finds(
  text: string,
  kind: Exclude<Test['kind'], 'field'>,
  wanted: string,
  isLoose: boolean,
): boolean {
  if (kind === 'start') return text.startsWith(wanted);
  if (kind === 'end') return text.endsWith(wanted);
  return text.includes(wanted) || (kind === 'has' && isLoose && follows(text, wanted));
}

/** Whether the letters come in this order, whatever lies between them. */
function follows(text: string, letters: string): boolean {
  let at = 0;
  for (const letter of letters) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

function compares(value: FieldValue, operator: string, wanted: string): boolean {
  if (value === undefined) return operator === '!=';
  if (operator === ':') return String(value).toLowerCase().includes(wanted.toLowerCase());
  const target = typeof value === 'number' ? numberOf(wanted) : wanted.toLowerCase();
  if (target === undefined) return false;
  const own = typeof value === 'number' ? value : value.toLowerCase();
  if (operator === '=') return own === target;
  if (operator === '!=') return own !== target;
  if (operator === '>') return own > target;
  if (operator === '<') return own < target;
  return operator === '>=' ? own >= target : own <= target;
}

/** Plain number, then duration in ms, then size in bytes. */
function numberOf(text: string): number | undefined {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  for (const schema of [durationMs, sizeBytes]) {
    const result = v.safeParse(schema, text);
    if (result.success) return result.output;
  }
}

function regexFilter(source: string): Filter {
  return {
    usesFields: false,
    apply(rows, { texts }) {
      const all = { rows, isLoose: false };
      if (source === '') return { ...all, mistake: undefined };
      try {
        // Only there can a search be broken off.
        const found: unknown = runInNewContext(
          'const regex = new RegExp(source, "i"); rows.map((texts) => texts.some((text) => regex.test(text)))',
          { source, rows: rows.map(texts) },
          { timeout: regexMs },
        );
        const kept = Array.isArray(found) ? found : [];
        return { rows: rows.filter((_, index) => kept[index] === true), isLoose: false, mistake: undefined };
      } catch (error) {
        // An error of the other context is none of ours by its class.
        const { code } = Object(error) as { code?: unknown };
        const isSlow = code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
        return { ...all, mistake: isSlow ? 'the regex takes too long' : 'not a regex' };
      }
    },
  };
}

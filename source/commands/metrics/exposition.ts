import { createHash } from 'node:crypto';

/** Samples in Prometheus' text exposition format, version 0.0.4. */

export type Sample = {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
};

export type Family = {
  /** Without the `quarterdeck_` that all begin with. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly Sample[];
};

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Families without a sample are left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const full = `quarterdeck_${name}`;
      const lines = samples.map(({ labels, value }) => `${full}${labelText(labels)} ${value}\n`);
      return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function labelText(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const unsafe =
  /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029\p{Format}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Surrogate}]|\\(?=u\{)/gu;

const longestLabel = 512;

/**
 * A name as a label's value. What could steer a terminal becomes `\u{1b}`, and so does a backslash that begins such a
 * sequence in the name itself; a very long name ends in its digest. Two names stay two series: Prometheus refuses a
 * whole scrape that has one twice.
 */
function escaped(name: string): string {
  return shortened(name)
    .replaceAll(unsafe, (letter) => `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`)
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('"', '\\"');
}

function shortened(name: string): string {
  if (name.length <= longestLabel) return name;
  const digest = createHash('sha256').update(name, 'utf16le').digest('hex').slice(0, 16);
  return `${name.slice(0, longestLabel).toWellFormed()}… (${name.length} characters, sha256 ${digest})`;
}

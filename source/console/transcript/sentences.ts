import type { OpenNeed } from '../../need.ts';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../../ui/format.ts';
import type { FieldValue, List } from '../../ui/list.ts';
import { shownTime } from '../../ui/times.ts';

/** A row of any pane as people say it. */

// biome-ignore lint/suspicious/noExplicitAny: each feature keeps the types of its slice and rows
type AnyList = List<any, any>;

/** `orders/audit, DEAD, 41,337 wait, lag 41,337, oldest 2d03h`. */
export function rowSentence(list: AnyList, row: unknown, need: OpenNeed | undefined, nowMs: number): string {
  // Of a message it is the text that counts, not what it is called.
  const name = list.prose?.(row) || list.name(row);
  const facts = factsOf(list, row, nowMs)
    // What the name or the need says already is not said again.
    .filter(({ field, text }) => !name.includes(text) && !(need && field === 'state'))
    .map(({ field, text }) => (field === 'state' ? text : `${field} ${text}`));
  return [name, ...(need ? [need.words] : []), ...facts].join(', ');
}

/** Everything that is known of it, a fact a line. */
export function detailLines(
  list: AnyList,
  row: unknown,
  need: OpenNeed | undefined,
  nowMs: number,
): readonly string[] {
  return [
    `Details of ${list.name(row)}:`,
    ...(need ? [need.words] : []),
    ...factsOf(list, row, nowMs).map(({ field, text }) => `${field} ${text}`),
  ];
}

function factsOf(list: AnyList, row: unknown, nowMs: number) {
  return Object.entries(list.fields).flatMap(([field, read]) => {
    const text = valueText(read(row, nowMs), list.units?.[field]);
    return text === '' ? [] : [{ field, text }];
  });
}

type Unit = NonNullable<AnyList['units']>[string];

function valueText(value: FieldValue, unit: Unit | undefined): string {
  if (typeof value !== 'number') return value ?? '';
  if (!Number.isFinite(value)) return '';
  if (unit === 'ms') return formatDuration(value);
  if (unit === 'bytes') return formatBytes(value);
  if (unit === 'at') return shownTime(value);
  if (unit === 'share') return formatPercent(value);
  return formatCount(Math.round(value));
}

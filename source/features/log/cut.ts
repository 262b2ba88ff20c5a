import { formatBytes } from '../../ui/format.ts';

const longestMessage = 8192;
const longestCounted = 2048;

/** A message of any length as one that fits, with a mark that says how much is missing. */
export function cut(text: string): string {
  if (text.length <= longestMessage) return text;
  const kept = text.slice(0, longestMessage).toWellFormed();
  return `${kept}… (${text.length - longestMessage} more characters)`;
}

/** What counts as one message: without a figure, so that texts which differ behind the cut are one. */
export function short(text: string): string {
  return text.length <= longestCounted ? text : `${text.slice(0, longestCounted).toWellFormed()}…`;
}

/** Behind what was read of a longer text in Redis. @param bytes how long it is there */
export function cutMark(bytes: number): string {
  return `… (${formatBytes(bytes)}, cut)`;
}

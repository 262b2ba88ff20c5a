import { formatBytes } from '../../ui/format.ts';

const longestMessage = 8192;
const longestCounted = 2048;

/** A message of any length as one that fits, with a mark that says how much is missing. */
export function cut(text: string): string {
  if (text.length <= longestMessage) return text;
  const kept = text.slice(0, longestMessage).toWellFormed();
  return `${kept}… (${text.length - longestMessage} more characters)`;
}

/** A message of which only the beginning was read, cut as others are. */
export function shorten(head: string, moreBytes: number): string {
  // Room for the mark.
  const kept = head.slice(0, longestMessage - 32).toWellFormed();
  return `${kept}… (${formatBytes(Buffer.byteLength(head) - Buffer.byteLength(kept) + moreBytes)} more)`;
}

/** What counts as one message: without a figure, so that texts which differ behind the cut are one. */
export function short(text: string): string {
  return text.length <= longestCounted ? text : `${text.slice(0, longestCounted).toWellFormed()}…`;
}

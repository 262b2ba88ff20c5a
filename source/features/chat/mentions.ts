import { type Entry, isMalformed } from './message.ts';

const partOfName = /[\p{L}\p{N}_-]/u;
/** Calls everybody in the room. */
const everybody = 'here';

/** Whether a text calls somebody: `@oncall` or `@here`, and not as part of a longer word. */
export function calls(text: string, name: string): boolean {
  const lower = text.toLowerCase();
  return [name.toLowerCase(), everybody].some((called) => {
    for (let at = lower.indexOf('@'); at !== -1; at = lower.indexOf('@', at + 1)) {
      const isFree = at === 0 || !partOfName.test(lower[at - 1] ?? '');
      const behind = at + 1 + called.length;
      if (isFree && lower.startsWith(called, at + 1) && !partOfName.test(lower[behind] ?? '')) return true;
    }
    return false;
  });
}

/** Whether somebody else calls the operator with it. */
export function isMention(entry: Entry, operator: string): boolean {
  return !isMalformed(entry) && entry.sender !== operator && calls(entry.message, operator);
}

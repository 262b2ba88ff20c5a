/**
 * A name as one word of a command that people copy into a shell. Whoever may write to Redis chooses names, and one such
 * as `$(reboot)` has to stay a name there.
 */
export function shellWord(name: string): string {
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`;
}

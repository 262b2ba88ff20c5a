/**
 * What a part is called: its key is the channel and this name, and the chat message that announces it is this name.
 *
 * A file shipped in one piece keeps its own name, as in the legacy layout. Pieces get `~1`, `~2`, … (before `.gz`, which
 * tells legacy readers to decompress). So does any file whose own name could be taken for such a piece, for
 * `:done`, or for the counter `<name>:done` of another file: every part's keys are its own.
 */
export function partName(file: string, { number, isWhole, isGzip }: PartShape): string {
  const claimsGzip = file.endsWith('.gz');
  if (isWhole && isPlain(file) && claimsGzip === isGzip) return file;
  return isGzip && claimsGzip ? `${file.slice(0, -'.gz'.length)}~${number}.gz` : `${file}~${number}`;
}

export type PartShape = {
  /** Counts the parts of a file, from 1; never used twice while a part of that file may still be in Redis. */
  readonly number: number;
  /** The part is the whole file. */
  readonly isWhole: boolean;
  /** The part is a gzip file of its own. */
  readonly isGzip: boolean;
};

function isPlain(file: string): boolean {
  return file !== '' && !file.startsWith(':') && !file.endsWith(':done') && !/~\d+(\.gz)?$/.test(file);
}

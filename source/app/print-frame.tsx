import type { ReadContext } from '../features/feature.ts';
import type { AnyFeature } from '../features/index.ts';

/** One frame of the console as plain text. (Placeholder until the shell lands beside it.) */
export async function printFrame(
  _context: ReadContext,
  _chosen: readonly AnyFeature[],
  _frame: { columns: number; rows: number; zoomed?: string | undefined },
): Promise<string> {
  return '';
}

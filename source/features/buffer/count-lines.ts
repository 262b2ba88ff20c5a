import { messageOf, QuarterdeckError } from '../../errors.ts';
import { BackgroundFailure, rideOut } from '../../redis/refusals.ts';
import { counted } from '../../ui/format.ts';
import type { CommandContext } from '../feature.ts';
import { IncrementBuffer } from './buffer.ts';
import { BadCountError, BadIdError, BadLineError } from './errors.ts';
import { pendingOf } from './pending.ts';

export type Counted = { readonly lines: number; readonly total: number; readonly pending: number };

/**
 * Counts lines `ID<TAB>BY` from stdin (or `ID`, by `fallback`) until its end or the signal. However it ends, what
 * was read is counted.
 * @throws {BadLineError | StdinLineError} after counting the lines before it
 * @throws {RefusedError | DeniedError | WrongTypeError} what the server refuses, at once or for longer than `--timeout`
 */
export async function countLines(context: CommandContext, type: string, fallback: number): Promise<Counted> {
  const { timeoutMs } = context.config;
  const background = new BackgroundFailure(timeoutMs);
  const buffer = new IncrementBuffer(context.redis, {
    onError: (error) => background.note(error, buffer.failingForMs),
  });
  context.unconfirmed(() =>
    buffer.pending === 0 ? undefined : `${counted(buffer.pending, 'increment')} of ${type}`,
  );
  const riding = { signal: context.signal, timeoutMs };
  let lines = 0;
  let total = 0;
  let badLine: Error | undefined;
  const read = async (): Promise<void> => {
    for await (const line of context.stdin()) {
      lines += 1;
      // What editors put before a text and behind its lines is no part of an id.
      const text = (lines === 1 ? line.replace(/^\uFEFF/, '') : line).replace(/\r$/, '');
      if (text === '') continue;
      try {
        const [id, by] = parsed(text, fallback);
        total += by;
        if (!buffer.add(type, id, by)) await rideOut(() => buffer.flush(), riding);
      } catch (error) {
        if (!(error instanceof BadCountError || error instanceof BadIdError)) throw error;
        badLine = new BadLineError(lines, messageOf(error));
        break;
      }
    }
  };
  try {
    await background.race(
      read().catch((error: unknown) => {
        // One that cannot even be read.
        if (!(QuarterdeckError.is(error) && /^LINE_/.test(error.code))) throw error;
        badLine = error;
      }),
    );
    await rideOut(() => buffer.close(), riding);
  } catch (error) {
    buffer.discard();
    throw error;
  }
  if (badLine) throw badLine;
  return { lines, total, pending: (await pendingOf(context.redis, type)).total };
}

function parsed(line: string, fallback: number): [id: string, by: number] {
  const tab = line.lastIndexOf('\t');
  const id = tab === -1 ? line : line.slice(0, tab);
  const by = tab === -1 ? `${fallback}` : line.slice(tab + 1);
  // What reading as UTF-8 leaves of other bytes: different ids would become one.
  if (id.includes('\uFFFD')) throw new BadIdError(id);
  if (!/^\d+$/.test(by)) throw new BadCountError(by);
  return [id, Number(by)];
}

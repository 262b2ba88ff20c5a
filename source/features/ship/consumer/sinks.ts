import { isAscii, isUtf8 } from 'node:buffer';
import { messageOf } from '../../../errors.ts';
import { asciiJson, safeJson } from '../../../ui/text.ts';
import type { CommandContext } from '../../feature.ts';
import { OutPlaceError, UnsafeNameError } from '../channel/errors.ts';
import { type ConsumeOptions, consume } from './consume.ts';
import { type LineCounter, type LineCounterOptions, makeLineCounter } from './count-lines.ts';
import type { Delivery, Refusal } from './delivery.ts';
import { PartRefusedError, runWithRetries } from './exec.ts';
import { type LineBatch, newline } from './line-batch.ts';
import { OutDirectory } from './out.ts';

/** Where a consumer's deliveries go: copies in a directory, a command for each part, or lines on stdout. */
export type Destination = Pick<
  ConsumeOptions,
  'as' | 'spoolDirectory' | 'onDamage' | 'onAside' | 'asideLimit'
> &
  LineCounterOptions & {
    readonly out: string | undefined;
    readonly exec: string | undefined;
    /** A command that fails is run again so often, then its part is set aside; without it the first failure ends. */
    readonly retries: number | undefined;
  };

export type Consumed = { readonly files: number; readonly bytes: number; readonly parts: number };

type Sink = { take(delivery: Delivery): Promise<void>; close?(): Promise<void> };

/** Consumes a channel to its end. What a sink has taken is acknowledged, and not before. */
export async function deliverTo(
  context: CommandContext,
  channel: string,
  { out, exec, retries, common, hits, multiline, ...options }: Destination,
): Promise<Consumed> {
  const lineCounter = makeLineCounter(context.redis, { common, hits, multiline });
  const sink = makeSink(context, { out, exec, retries }, lineCounter, (problem) =>
    options.onDamage?.(problem),
  );
  const consumed = { files: 0, bytes: 0, parts: 0 };
  let waitsFor = '';
  try {
    const deliveries = consume(context.redis, channel, {
      ...options,
      signal: context.signal,
      listen: () => context.listen(),
      acknowledgesTogether: exec === undefined && !lineCounter,
      timeoutMs: context.config.timeoutMs,
      onRefused: (refusal) => context.warn(`${messageOf(refusal)}: waiting`),
      onWait(reason) {
        if (reason !== waitsFor) context.progress(`Waiting: ${reason}`);
        waitsFor = reason;
      },
    });
    for await (const delivery of deliveries) {
      const refusal = await taken(sink, delivery);
      await lineCounter?.flush();
      context.signal.throwIfAborted();
      if (refusal) {
        delivery.setAside(refusal.reason, refusal.tries);
        continue;
      }
      consumed.parts += 1;
      consumed.bytes += delivery.bytes;
      if (delivery.isLast) consumed.files += 1;
    }
  } finally {
    await sink.close?.();
  }
  return consumed;
}

/** Gives a part to a sink. Resolves to why it cannot be taken, now or later, if that is so. */
async function taken(sink: Sink, delivery: Delivery): Promise<Refusal | undefined> {
  try {
    await sink.take(delivery);
  } catch (error) {
    if (error instanceof PartRefusedError) return error;
    if (!(error instanceof UnsafeNameError || error instanceof OutPlaceError)) throw error;
    return { reason: error.message, tries: 1 };
  }
}

function makeSink(
  context: CommandContext,
  { out, exec, retries }: Pick<Destination, 'out' | 'exec' | 'retries'>,
  lineCounter: LineCounter | undefined,
  onDamage: (problem: string) => void,
): Sink {
  const count: OnLines = async (batch, delivery) => lineCounter?.take(batch, delivery);
  if (out !== undefined) {
    const directory = new OutDirectory(out);
    return {
      async take(delivery) {
        const missing = await directory.write(delivery);
        if (missing > 0) {
          onDamage(
            `${delivery.file}: ${missing} bytes before byte ${delivery.at} were shipped before this consumer came`,
          );
        }
        if (lineCounter)
          for await (const batch of delivery.again().lines()) await lineCounter.take(batch, delivery);
      },
      close: () => directory.close(),
    };
  }
  if (exec !== undefined) {
    return { take: (delivery) => runWithRetries(exec, delivery, context, { retries, onLines: count }) };
  }
  if (context.config.json) return { take: (delivery) => printJson(context, delivery, count) };
  if (process.stdout.isTTY) return { take: (delivery) => printForPeople(context, delivery, count) };
  const unfinished = new Set<string>();
  return { take: (delivery) => print(context, delivery, unfinished, lineCounter && count) };
}

type OnLines = (batch: LineBatch, delivery: Delivery) => Promise<void>;

/** The bytes as they are; a line that never gets its rest gets an end. */
async function print(
  context: CommandContext,
  delivery: Delivery,
  unfinished: Set<string>,
  count: OnLines | undefined,
): Promise<void> {
  const { file } = delivery;
  const end = Buffer.from('\n');
  if (delivery.beginsLine && unfinished.delete(file)) await context.write(end);
  let last = unfinished.has(file) ? 0 : newline;
  for await (const block of count ? counted(delivery, count) : delivery.content()) {
    last = block.at(-1) ?? last;
    await context.write(block);
  }
  if (delivery.endsLine && last !== newline) {
    await context.write(end);
    last = newline;
  }
  if (last === newline) unfinished.delete(file);
  else unfinished.add(file);
}

async function* counted(delivery: Delivery, count: OnLines): AsyncGenerator<Buffer> {
  for await (const batch of delivery.lines()) {
    await count(batch, delivery);
    yield batch.bytes;
  }
}

async function printForPeople(context: CommandContext, delivery: Delivery, count: OnLines): Promise<void> {
  for await (const batch of delivery.lines()) {
    await count(batch, delivery);
    for (const line of batch.lines) await context.emit({}, line.toString());
  }
}

/** What long lines of control characters inflate to six times their size costs less byte by byte. */
const longLineBytes = 16_384;

/** NDJSON, a batch at a time. */
async function printJson(context: CommandContext, delivery: Delivery, count: OnLines): Promise<void> {
  const file = safeJson(delivery.file);
  for await (const batch of delivery.lines()) {
    await count(batch, delivery);
    const pieces: Buffer[] = [];
    let text = '';
    for (const [index, line] of batch.lines.entries()) {
      const isCut = batch.end === 'cut' && index === batch.lines.length - 1;
      // What is no UTF-8 is shown as well as it can be, and given as it is beside it.
      const bytes = isUtf8(line) ? '' : `,"base64":"${line.toString('base64')}"`;
      const end = `${isCut ? ',"continues":true' : ''}${bytes}}\n`;
      text += `{"file":${file},"line":`;
      if (line.length >= longLineBytes && isAscii(line)) {
        pieces.push(Buffer.from(text), asciiJson(line));
        text = end;
      } else text += safeJson(line.toString()) + end;
    }
    pieces.push(Buffer.from(text));
    for (const piece of pieces) await context.write(piece);
  }
}

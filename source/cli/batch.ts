import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { auditedOn } from '../commands/audited.ts';
import { assertUnchanged, needsYes, questionOf } from '../commands/confirm.ts';
import {
  type AnyCommand,
  isWriting,
  OneServerError,
  parseInput,
  type RawInput,
  runCommand,
} from '../commands/run-command.ts';
import type { Config } from '../config.ts';
import { QuarterdeckError, UsageError } from '../errors.ts';
import type { CommandContext, PrintFrame, Text } from '../features/feature.ts';
import { loadFeature } from '../features/index.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { openConnections } from '../redis/connection/open-connections.ts';
import { counted } from '../ui/format.ts';
import { safeJson, safeLines, sanitise } from '../ui/text.ts';
import { EndedError, orEnded, overdue } from './ending.ts';
import { makeOutput, type Output } from './output.ts';
import { writeWarning } from './own-stderr.ts';
import { linesOf } from './read-lines.ts';

/** Scripted mode: the same command tables, by name, with no terminal needed and nothing of Ink loaded. */
export type Streams = {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean };
  readonly stderr: Writable & { isTTY?: boolean };
};

export type BatchOptions = {
  readonly config: Config;
  readonly streams: Streams;
  /** Aborted by a signal; the command then puts things in order and settles, or is left after some seconds. */
  readonly ended: AbortSignal;
  readonly printFrame: PrintFrame;
};

/**
 * Runs one command from words to exit code.
 * @throws whatever the command throws; a lost Redis past `--timeout` throws a LostError
 */
export async function runBatch(
  path: string,
  command: AnyCommand,
  raw: RawInput,
  { config, streams, ended, printFrame }: BatchOptions,
): Promise<number> {
  const input = parseInput(path, command, raw);
  if (!command.writes) keepHeapSmall();
  if (!command.offline) await assertServers(path, config);
  const output = makeOutput(streams.stdout, ended);
  const lost = new AbortController();
  // What runs another program passes signals on to that, once it runs.
  const signal = AbortSignal.any([...(command.supervises ? [] : [ended]), output.closed, lost.signal]);
  const isAsked = !config.yes && (command.confirm ?? command.guard) !== undefined;
  const canAsk = streams.stdin.isTTY === true && streams.stderr.isTTY === true;
  if (isAsked && needsYes(command) && !canAsk) throw notConfirmed(path);

  const begun = 'before anything was sent';
  const connections = await orEnded(openConnections(config, command.offline === true), ended, begun);
  const descriptions: (() => string | undefined)[] = [];
  const unread: (() => string | undefined)[] = [];
  const textsOf = (all: typeof descriptions): string[] =>
    all.map((describe) => describe()).filter((text) => text !== undefined);
  const unconfirmed = (): string[] => textsOf([...descriptions, ...unread]);
  const context = makeContext({
    config,
    streams,
    output,
    signal,
    connections,
    commandLine: raw.commandLine,
    descriptions,
    unread,
    printFrame,
  });
  try {
    // A single server has no others to do without: nothing is partial about it.
    const isPartial = command.partial === true && connections.length > 1;
    const ridesOut = command.ridesOut?.(input) === true;
    if (!command.offline && !ridesOut) {
      await orEnded(reach(connections, isPartial, config.timeoutMs), ended, begun);
    }
    const asked = command.offline ? [] : connections;
    const bounds = command.supervises
      ? []
      : [
          overdue(ended, {
            connections: asked,
            endsWithinMs: command.endsWithinMs,
            unconfirmed,
            writes: isWriting(command, input),
          }),
          ...(isPartial || ridesOut ? [] : asked.map((connection) => connection.lost(config.timeoutMs))),
        ];
    const agreed =
      isAsked && canAsk
        ? await Promise.race([
            orEnded(confirm(path, command, input, { context, streams }), ended, 'before it was confirmed'),
            ...bounds,
          ])
        : input;
    const outcome = await Promise.race([runCommand(path, command, agreed, context), ...bounds]);
    if (config.json && outcome.json !== undefined) await output.write(`${safeJson(outcome.json)}\n`);
    if (!config.json && outcome.text.length > 0) {
      // Painted lines hold no text that was not made safe before it was painted.
      await output.write(outcome.painted ? `${outcome.painted.join('\n')}\n` : forPeople(outcome.text));
    }
    // Not when the reader has gone: a closed stdout is a write that did not happen.
    if (!output.closed.aborted) await Promise.race([outcome.printed?.(), ...bounds]);
    return outcome.exitCode ?? 0;
  } catch (error) {
    if (output.closed.aborted && !ended.aborted) return 0;
    // What it runs, such as a watcher or another program, is not to go on without it.
    lost.abort(error);
    if (!(error instanceof EndedError)) {
      // A line that cannot be taken says itself that those behind it were not.
      const isLost = QuarterdeckError.is(error) && error.kind === 'connection';
      // Of one thing that was refused the refusal tells all.
      const isOfMany = unread.length > 0;
      const left = isLost ? unconfirmed() : isOfMany ? textsOf(descriptions) : [];
      if (left.length > 0) context.warn(`Not confirmed: ${left.join(', ')}`);
    }
    throw error;
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** @throws {OneServerError} when there are several servers and the feature does not spread over them */
async function assertServers(path: string, { urls, cluster, sentinel }: Config): Promise<void> {
  if (urls.length < 2 || cluster || sentinel !== undefined) return;
  const feature = await loadFeature(path.split(' ', 1)[0] ?? '');
  if (feature && !feature.spreads) throw new OneServerError(feature.noun, urls);
}

/** Waits until every server answers; where some may be missing, until each has answered or failed and one answers. */
async function reach(
  connections: readonly Connection[],
  isPartial: boolean,
  timeoutMs: number,
): Promise<void> {
  const reached = connections.map((connection) => connection.ready(timeoutMs));
  if (!isPartial) {
    await Promise.all(reached);
    return;
  }
  const results = await Promise.allSettled(reached);
  const failures = results.filter((result) => result.status === 'rejected');
  if (failures.length === results.length) throw failures[0]?.reason;
}

function makeContext({
  config,
  streams,
  output,
  signal,
  connections,
  commandLine,
  descriptions,
  unread,
  printFrame,
}: {
  config: Config;
  streams: Streams;
  output: Output;
  signal: AbortSignal;
  connections: readonly [Connection, ...Connection[]];
  commandLine: readonly string[];
  descriptions: (() => string | undefined)[];
  unread: (() => string | undefined)[];
  printFrame: PrintFrame;
}): CommandContext {
  const [first] = connections;
  // What nobody read must not count as read: the command ends here, and the run ends quietly.
  const handOver = async (bytes: Uint8Array | string): Promise<void> => {
    await output.write(bytes);
    if (output.closed.aborted) throw new Error('The reader has gone');
  };
  return {
    config,
    connections,
    redis: first.ask,
    listen: () => first.listen(),
    signal,
    commandLine,
    printFrame,
    audited: auditedOn(config),
    stdin: (rules) =>
      linesOf(streams.stdin, signal, rules, (waiting) =>
        unread.push(() => (waiting() === 0 ? undefined : `${counted(waiting(), 'line')} of stdin`)),
      ),
    async emit(item, text) {
      await handOver(config.json ? `${safeJson(item)}\n` : forPeople(text));
    },
    write: handOver,
    progress(text) {
      if (streams.stderr.isTTY && !config.json) streams.stderr.write(`${sanitise(text)}\n`);
    },
    warn(text) {
      writeWarning(streams.stderr, text);
    },
    unconfirmed(describe) {
      descriptions.push(describe);
    },
  };
}

function forPeople(text: Text): string {
  return safeLines(text)
    .map((line) => `${line}\n`)
    .join('');
}

function notConfirmed(what: string): UsageError {
  return new UsageError(`Not confirmed: \`${what}\` takes away what does not come back`, {
    code: 'NOT_CONFIRMED',
    hint: 'Add --yes to confirm it beforehand',
  });
}

type Asking = { readonly context: CommandContext; readonly streams: Streams };

/** Asks, and looks again before it is done; the input as it was seen. */
async function confirm(
  path: string,
  command: AnyCommand,
  input: Record<string, unknown>,
  { context, streams: { stdin, stderr } }: Asking,
): Promise<Record<string, unknown>> {
  const asked = await questionOf(command, context, input);
  if (!asked) return input;
  const lines = createInterface({ input: stdin, output: stderr });
  const answer = await new Promise<string>((resolve) => {
    lines.question(`${sanitise(asked.question)} [y/N] `, resolve);
    lines.once('close', () => resolve(''));
    // While it reads a line the terminal sends none.
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  });
  lines.close();
  if (!/^y(es)?$/i.test(answer.trim())) {
    throw new UsageError(`Not confirmed: \`${path}\`; nothing was done`, { code: 'NOT_CONFIRMED' });
  }
  await assertUnchanged(path, command, context, asked);
  return asked.input;
}

/**
 * V8 lets the space for new objects grow to 16 MB three times over before it looks for garbage, whatever is left of them.
 * A listing leaves little of much: with the space as it is at first it takes 100 MB less, and no longer.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

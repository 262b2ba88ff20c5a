import { QuarterdeckError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type {
  Call,
  Daemon,
  Handle,
  Listed,
  Listening,
  Redis,
  Reporting,
  Watched,
} from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import { clientOf, listenerOf } from '../../redis/connection/library-client.ts';
import { listed } from '../../redis/registry.ts';
import { namesCutTexts } from '../../ui/format.ts';
import { requireWhole, requireWholes } from '../../values.ts';
import { warn } from '../../warnings.ts';
import { type Aside as AsideRow, asideOf, asideParts, dropAside, retryAside } from './channel/aside.ts';
import { largestPartBytes, mostConsumers, smallestPartBytes } from './channel/cost.ts';
import { forget } from './channel/forget.ts';
import * as channel from './channel/status.ts';
import { consume as consumeOwn } from './consumer/consume.ts';
import type { Delivery } from './consumer/delivery.ts';
import { OutDirectory } from './consumer/out.ts';
import { ship as shipOwn } from './ship.ts';

// quarterdeck/ship: files through Redis to several consumers, within a budget of its memory.

export type { ChannelState } from './channel/channel-state.ts';
export * from './channel/errors.ts';

/** A part of a file. Asking for the next one acknowledges it. */
export interface Part {
  /** The name the file was shipped under. */
  readonly file: string;
  readonly part: string;
  /** Where in the file it begins. */
  readonly offset: number;
  readonly bytes: number;
  /** The file ends with it. */
  readonly isLast: boolean;
  /** The bytes, decompressed where it is gzip. */
  content(): AsyncIterable<Uint8Array>;
  /** The lines without their ends, decompressed where it is gzip, some at a time. */
  lines(): AsyncIterable<readonly Uint8Array[]>;
}

export interface Options
  extends Daemon<{ readonly type: 'progress'; readonly bytes: number; readonly bytesTotal: number }> {
  /** How many consumers must have finished a part before it is freed: 1 to 1000. */
  readonly consumers: number;
  readonly budgetBytes?: number;
  /** From 1 KiB to 256 MiB; what the budget allows unless given, at most 4 MiB. */
  readonly partBytes?: number;
  /** Goes on with files that grow, appear or are rotated, until the signal aborts. */
  readonly follow?: boolean;
}

export interface ConsumeOptions extends Listening, Reporting {
  /** Which consumer, `0` to `N-1`. */
  readonly as: string;
  /** Where parts are kept until they were taken whole; the system's temporary folder unless given. */
  readonly spoolDirectory?: string;
}

export interface Shipped {
  readonly files: number;
  readonly bytes: number;
  readonly parts: number;
  readonly peakBytes: number;
  readonly durationMs: number;
  /** Files that are there but could not be shipped, each with its reason. */
  readonly failed: readonly string[];
}

export interface Status {
  readonly channel: string;
  readonly state: channel.ChannelStatus['state'];
  readonly budgetBytes: number;
  readonly usedBytes: number;
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly shippedBytes: number }[];
  /** Files of this run that are not among `files`: where there are very many, a record is not kept of each. */
  readonly unlisted: number;
  readonly consumers: readonly {
    readonly id: string;
    readonly done: number;
    readonly lag: number;
    readonly seenAt: number | undefined;
  }[];
}

/** A part that a consumer could not take: out of the way of other files, in Redis and within the budget until decided. */
export interface Aside {
  readonly channel: string;
  readonly consumer: string;
  readonly part: string;
  readonly file: string;
  readonly bytes: number;
  readonly reason: string;
  readonly sinceAt: number;
  /** How often it was delivered and refused. */
  readonly tries: number;
  /** It is going to be delivered again. */
  readonly isRetried: boolean;
}

/** What is not as expected, and does not end the work. */
export class ShipNoteError extends QuarterdeckError {
  constructor(name: string, note: string) {
    super('data', 'SHIP_NOTE', `Channel \`${name}\`: ${note}`);
  }
}

/**
 * Ships the files behind `paths` and resolves when every consumer has finished every part, or `signal` aborts; the
 * same call then continues.
 * @throws {PathMissingError | PathUnreadableError | PrefixError} before anything is shipped
 * @throws {BudgetTooSmallError | TermsDifferError | KeyTakenError | WrongTypeError | NoConsumersError}
 */
export async function run(
  redis: Redis,
  name: string,
  paths: readonly string[],
  options: Options,
): Promise<Shipped> {
  const { onEvent, subscriber, signal, ...terms } = options;
  const { consumers, budgetBytes, partBytes } = terms;
  requireWhole('consumers', consumers, { min: 1, max: mostConsumers });
  requireWholes({ budgetBytes }, { min: 1 });
  requireWholes({ partBytes }, { min: smallestPartBytes, max: largestPartBytes });
  const client = clientOf(redis);
  const shipped = await shipOwn(client, paths, {
    ...terms,
    channel: name,
    ...(signal && { signal }),
    ...(subscriber && { listen: listenerOf(client, { subscriber }) }),
    onNote: (note) => warn(onEvent, new ShipNoteError(name, note)),
    onProgress: ({ bytes, bytesTotal }) => onEvent?.({ type: 'progress', bytes, bytesTotal }),
  });
  const { files, bytes, parts, peakBytes, durationMs, failed } = shipped;
  return { files, bytes, parts, peakBytes, durationMs, failed };
}

const deliveries = new WeakMap<Part, Delivery>();

/** The parts of a channel for one consumer, `0` to `N-1`, until it is done. Asking for the next acknowledges. */
export async function* consume(
  redis: Redis,
  name: string,
  { as, signal, subscriber, spoolDirectory, onEvent }: ConsumeOptions,
): AsyncGenerator<Part, void, undefined> {
  const client = clientOf(redis);
  const parts = consumeOwn(client, name, {
    as,
    ...(signal && { signal }),
    ...(subscriber && { listen: listenerOf(client, { subscriber }) }),
    ...(spoolDirectory !== undefined && { spoolDirectory }),
    onDamage: (problem) => warn(onEvent, new ShipNoteError(name, problem)),
    onAside: (problem) => warn(onEvent, new ShipNoteError(name, problem)),
  });
  for await (const delivery of parts) {
    const { file, part, at, bytes, isLast } = delivery;
    const given: Part = {
      file,
      part,
      offset: at,
      bytes,
      isLast,
      content: () => delivery.content(),
      async *lines() {
        for await (const batch of delivery.lines()) yield batch.lines;
      },
    };
    deliveries.set(given, delivery);
    yield given;
  }
}

/** Rebuilds the files below a folder. */
export function openDirectory(directory: string): Handle & {
  /**
   * @returns how many bytes are missing in front of it: more than 0 when this consumer came after the file had begun
   * @throws {UnsafeNameError | OutputError}
   */
  write(part: Part): Promise<number>;
} {
  const out = new OutDirectory(directory);
  const close = (): Promise<void> => out.close();
  return {
    async write(part) {
      const delivery = deliveries.get(part);
      if (!delivery) throw new TypeError('Expected a part that `consume` gave');
      return await out.write(delivery);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What the consumers of a channel have set aside, in the order they get it. @throws {WrongTypeError} */
export async function* aside(redis: Redis, name: string, options: Call = {}): AsyncGenerator<Aside> {
  const client = clientOf(redis);
  const cut = (text: string): void => warn(undefined, new CutError(text));
  const rows = await cancellable(options, () => asideParts(client, name, cut));
  yield* rows.map(asAside);
}

/**
 * Lets a consumer take again what it had set aside: the running one at once, otherwise the next.
 * @returns how many parts that are; one that is not aside is none of them
 */
export async function retry(
  redis: Redis,
  name: string,
  parts: readonly string[] | 'all',
  { consumer, ...call }: Call & { readonly consumer: string },
): Promise<number> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const wanted = parts === 'all' ? [...(await asideOf(client, name, consumer)).keys()] : parts;
    return (await retryAside(client, name, consumer, wanted)).retried;
  });
}

/**
 * Gives up parts that a consumer had set aside. It never gets them; they are freed when nobody else needs them.
 * @returns those that were aside
 */
export async function drop(
  redis: Redis,
  name: string,
  parts: readonly string[],
  { consumer, ...call }: Call & { readonly consumer: string },
): Promise<readonly string[]> {
  const client = clientOf(redis);
  return (await cancellable(call, () => dropAside(client, name, consumer, parts))).dropped;
}

/** One channel; undefined if nothing was ever shipped by it. */
export async function status(redis: Redis, name: string, options: Call = {}): Promise<Status | undefined> {
  const client = clientOf(redis);
  const found = await cancellable(options, () => channel.status(client, name));
  return found && asStatus(found);
}

/** Every channel that is registered; `discover` finds no others. One that cannot be read is warned of. */
export async function list(
  redis: Redis,
  { limit, discover: _, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const known = await listed(client, 'ship');
    const names = known.names.toSorted().slice(0, limit);
    const { found, faults, cuts } = await channel.statuses(client, names);
    for (const cut of [...namesCutTexts(known), ...cuts]) warn(onEvent, new CutError(cut));
    for (const { error } of faults) {
      if (!QuarterdeckError.is(error)) throw error;
      warn(onEvent, error);
    }
    return found.map(asStatus);
  });
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/** Forgets a consumer that does not come back: nothing is kept for it any more. @returns whether that freed anything */
export async function remove(
  redis: Redis,
  name: string,
  { consumer, ...call }: Call & { readonly consumer: string },
): Promise<boolean> {
  const client = clientOf(redis);
  return (await cancellable(call, () => forget(client, name, consumer))) > 0;
}

function asAside({ sinceMs, ...row }: AsideRow): Aside {
  return { ...row, sinceAt: sinceMs };
}

function asStatus({
  channel: name,
  state,
  budgetBytes,
  usedBytes,
  files,
  unlisted,
  consumers,
}: channel.ChannelStatus): Status {
  return {
    channel: name,
    state,
    budgetBytes,
    usedBytes,
    files: files.map((file) => ({ name: file.name, bytes: file.bytes, shippedBytes: file.shippedBytes })),
    unlisted,
    consumers: consumers.map(({ id, done, lag, seenMs }) => ({ id, done, lag, seenAt: seenMs ?? undefined })),
  };
}

export {
  /** @deprecated since 0.2: `remove` */
  forget,
} from './channel/forget.ts';
export {
  /** @deprecated since 0.2: `list` */
  channels,
} from './channel/status.ts';
export {
  /** @deprecated since 0.2: `openDirectory` */
  OutDirectory,
} from './consumer/out.ts';
export {
  /** @deprecated since 0.2: `run` */
  ship,
} from './ship.ts';

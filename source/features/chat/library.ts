import { QuarterdeckError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Listed, Listening, Redis, Reporting, Watched } from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { clientOf, listenerOf } from '../../redis/connection/library-client.ts';
import { requireWholes } from '../../values.ts';
import { warn } from '../../warnings.ts';
import { type Entry, isMalformed } from './message.ts';
import * as own from './room/chat.ts';
import * as rooms from './room/rooms.ts';
import { longestMessageBytes, type Sent, send as sendOwn } from './room/send.ts';
import { follow } from './room/tail.ts';

// quarterdeck/chat: rooms of named members, and nobody misses a message.

export * from './errors.ts';
export { longestMessageBytes, type Sent };

export interface Message {
  readonly id: number;
  /** Epoch ms, by the server's clock. */
  readonly at: number;
  readonly sender: string;
  readonly text: string;
}

export interface Member {
  readonly name: string;
  /** The last id they have seen; the room's last id for a member who only writes. */
  readonly seen: number;
  readonly unread: number;
  readonly writesOnly: boolean;
}

export interface Status {
  readonly room: string;
  readonly lastId: number;
  /** How many messages are stored because somebody has not seen them. */
  readonly messages: number;
  readonly memberCount: number;
  /** All of them as far as they are no more than 8 MiB; after `create`, `join` and `leave` at most 100. Those furthest behind first. */
  readonly members: readonly Member[];
}

/** In the place of a message stands something that cannot be read; it is passed over with this warning. */
export class MalformedMessageError extends QuarterdeckError {
  constructor(room: string, id: number, found: string) {
    super('data', 'CHAT_MALFORMED', `Message ${id} of room \`${room}\` cannot be read: \`${found}\``, {
      hint: 'Another program wrote it; it is passed over',
    });
  }
}

/** The member who acts. */
export interface As {
  readonly as: string;
}

export interface SendOptions extends Call, As {
  /** How long to wait for a legacy sender's lock (10,000). */
  readonly timeoutMs?: number;
  /** It does not count as seen by its sender, so it is shown to them as well. */
  readonly unseen?: boolean;
}

export interface ReadOptions extends Call, Reporting, As {
  readonly limit?: number;
  /** Mark nothing as seen. */
  readonly peek?: boolean;
}

/** What comes with an answer to something else: thousands may join one room, and each is answered. */
const membersInPassing = 100;

/**
 * Makes a room, or adds to an existing one the members it lacks. Without a name it gets the next free number.
 * @throws {RoomNameError | WrongTypeError}
 */
export async function create(
  redis: Redis,
  options: Call & {
    readonly room?: string;
    readonly members: readonly string[];
    readonly writers?: readonly string[];
  },
): Promise<Status>;
/** @deprecated since 0.2: one object of options */
export async function create(
  redis: Redis,
  room: string | undefined,
  members: readonly string[],
  options?: { readonly writers?: readonly string[] },
): Promise<Status>;
export async function create(
  redis: Redis,
  first:
    | string
    | undefined
    | (Call & { room?: string; members: readonly string[]; writers?: readonly string[] }),
  members: readonly string[] = [],
  others: { readonly writers?: readonly string[] } = {},
): Promise<Status> {
  const client = clientOf(redis);
  const { room, writers, signal, ...given } =
    typeof first === 'object' ? first : { room: first, members, ...others, signal: undefined };
  return await cancellable({ signal }, async () => {
    const made = await own.create(client, room, given.members, writers ? { writers } : {});
    return (await glance(client, made)) ?? gone(made);
  });
}

/**
 * Becomes a member; what was sent before stays unseen by them.
 * @throws {UnknownRoomError | WrongTypeError}
 */
export async function join(
  redis: Redis,
  room: string,
  { as, writesOnly = false, ...call }: Call & As & { readonly writesOnly?: boolean },
): Promise<Status> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    await own.join(client, room, as, { writesOnly });
    return (await glance(client, room, as)) ?? gone(room);
  });
}

/** Stops being a member; the last one takes the room away. @returns what is left, undefined if nothing */
export async function leave(
  redis: Redis,
  room: string,
  { as, ...call }: Call & As,
): Promise<Status | undefined> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    await own.leave(client, room, as);
    return await glance(client, room);
  });
}

/**
 * Sends a message in one round trip. Waits up to `timeoutMs` (10,000) while a legacy (Redis in Action) sender holds
 * the room's lock.
 * @throws {MessageTooLongError | UnknownRoomError | NotAMemberError | RoomLockedError | WrongTypeError}
 */
export async function send(
  redis: Redis,
  room: string,
  text: string,
  { as, timeoutMs, unseen = false, signal }: SendOptions,
): Promise<Sent> {
  const options = {
    unseen,
    ...(timeoutMs !== undefined && { waitMs: timeoutMs }),
    ...(signal && { signal }),
  };
  return await sendOwn(clientOf(redis), room, as, text, options);
}

/**
 * What a member has not seen, oldest first; marked as seen unless `peek`.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function read(
  redis: Redis,
  room: string,
  { as, limit, peek = false, onEvent, ...call }: ReadOptions,
): Promise<Message[]> {
  requireWholes({ limit }, { min: 1 });
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const { entries } = await own.pending(client, room, as, limit === undefined ? {} : { limit });
    const last = entries.at(-1);
    if (last && !peek) await own.ack(client, room, as, last.id);
    return messagesOf(room, entries, onEvent);
  });
}

/**
 * Everything a member has not seen, and then everything that is sent, until `signal`. Asking for the next message
 * marks those before it as seen, a page at a time: whoever stops in the middle of a page gets it again.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError} also later, such as when the member leaves
 * @throws {RoomGoneError} once the room is there no more
 */
export async function* consume(
  redis: Redis,
  room: string,
  { as, signal = new AbortController().signal, onEvent, ...listening }: Listening & Reporting & As,
): AsyncGenerator<Message, void, undefined> {
  const client = clientOf(redis);
  const onRefused = (refusal: unknown): void => {
    if (QuarterdeckError.is(refusal)) warn(onEvent, refusal);
  };
  for await (const entries of follow(client, listenerOf(client, listening), room, as, { signal, onRefused }))
    yield* messagesOf(room, entries, onEvent);
}

/** One room; undefined if there is none. @throws {WrongTypeError} */
export async function status(redis: Redis, room: string, options: Call = {}): Promise<Status | undefined> {
  const client = clientOf(redis);
  return await cancellable(options, () => statusOf(client, room));
}

/** The rooms that are registered, most recently used first. One that cannot be read is warned of. */
export async function list(
  redis: Redis,
  { limit, discover: also, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const others = also ? await rooms.discover(client, call.signal) : [];
    const known = await rooms.knownRooms(client, limit);
    const names = [...new Set([...known.rooms, ...others])].slice(0, limit);
    const found = await rooms.inspect(client, names);
    for (const error of found.wrong) warn(onEvent, error);
    for (const text of [...known.cuts, ...found.cuts]) warn(onEvent, new CutError(text));
    return found.rooms.map(asStatus);
  });
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/** The last member has left meanwhile. */
function gone(room: string): Status {
  return { room, lastId: 0, messages: 0, memberCount: 0, members: [] };
}

/** A room with some of its members, however many it has; `always` is among them. */
async function glance(client: Client, room: string, always = ''): Promise<Status | undefined> {
  return await statusOf(client, room, { limit: membersInPassing, always });
}

async function statusOf(
  client: Client,
  room: string,
  options: Parameters<typeof rooms.inspect>[2] = {},
): Promise<Status | undefined> {
  const { rooms: found, wrong } = await rooms.inspect(client, [room], options);
  if (wrong[0]) throw wrong[0];
  return found[0] && asStatus(found[0]);
}

function asStatus({ room, lastId, messages, memberCount, members }: rooms.RoomFigures): Status {
  return { room, lastId, messages, memberCount, members };
}

function messagesOf(room: string, entries: readonly Entry[], onEvent: Reporting['onEvent']): Message[] {
  return entries.flatMap((entry) => {
    if (!isMalformed(entry))
      return [{ id: entry.id, at: entry.at, sender: entry.sender, text: entry.message }];
    warn(onEvent, new MalformedMessageError(room, entry.id, entry.malformed));
    return [];
  });
}

export {
  /** @deprecated since 0.2: `read`; what cannot be read is warned of */
  isMalformed,
} from './message.ts';
export {
  /** @deprecated since 0.2: `read` marks what it gives */
  ack,
  /** @deprecated since 0.2: `read` with `peek` */
  pending,
} from './room/chat.ts';
export {
  /** @deprecated since 0.2: `read` */
  history,
  /** @deprecated since 0.2: `list` */
  inspect as survey,
  /** @deprecated since 0.2: `list` */
  known,
} from './room/rooms.ts';
export {
  /** @deprecated since 0.2: `consume` */
  follow,
} from './room/tail.ts';

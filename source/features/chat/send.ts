import { setTimeout as wait } from 'node:timers/promises';
import { type Client, isCluster } from '../../redis/client.ts';
import { guardLifeMs, type Operation, withOperation } from '../../redis/idempotency.ts';
import { register, unregister } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { MessageTooLongError, RoomLockedError } from './errors.ts';
import { type RoomKeys, roomKeys, seenKeys, typesOf } from './keys.ts';
import { parseArray, refuseUnless } from './reply.ts';
import sendLua from './send.lua';

export const longestMessageBytes = 64 * 1024;
/** As long as the book's `acquire_lock` tries. */
const patienceMs = 10_000;

export type Sent = {
  readonly id: number;
  /** Epoch ms, by the server's clock. */
  readonly at: number;
};

export type SendOptions = {
  readonly waitMs?: number;
  /** Does not count as seen by its sender, so it stays until it was shown to him as well. */
  readonly unseen?: boolean;
  readonly signal?: AbortSignal;
};

/**
 * Sends a message in one round trip. Waits up to `waitMs` while a sender that follows the book holds its lock.
 * @throws {MessageTooLongError | UnknownRoomError | NotAMemberError | RoomLockedError | WrongTypeError}
 */
export async function send(
  redis: Client,
  room: string,
  sender: string,
  message: string,
  { waitMs = patienceMs, unseen = false, signal }: SendOptions = {},
): Promise<Sent> {
  const bytes = Buffer.byteLength(message);
  if (bytes > longestMessageBytes) throw new MessageTooLongError(bytes, longestMessageBytes);
  const keys = roomKeys(redis, room);
  const startedAtMs = performance.now();
  const sending = withOperation(keys.members, async (operation) => {
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const answer = await sendOnce(redis, keys, { room, sender, message, unseen }, operation);
      if (answer[0] !== 'locked') return answer;
      const waitedMs = Math.round(performance.now() - startedAtMs);
      if (waitedMs >= waitMs) throw new RoomLockedError(room, keys.lock, waitedMs, Number(answer[1]));
      await wait(pauseMs, undefined, { ...(signal && { signal }) });
    }
  });
  // Rooms made by others become known by being used; in the same round trip, so before it is known whether there is one.
  const [reply] = await Promise.all([sending, register(redis, 'chat', room)]);
  if (reply[0] === 'unknown') await unregister(redis, 'chat', room);
  refuseUnless('sent', reply, room, sender);
  return { id: Number(reply[1]), at: Number(reply[2]) };
}

type Sending = {
  readonly room: string;
  readonly sender: string;
  readonly message: string;
  readonly unseen: boolean;
};

function sendOnce(
  redis: Client,
  keys: RoomKeys,
  { room, sender, message, unseen }: Sending,
  { process, slot, number }: Operation,
): Promise<unknown[]> {
  const seen = seenKeys(redis, sender);
  const publish = isCluster(redis) ? 'SPUBLISH' : 'PUBLISH';
  return typed(
    redis,
    () => typesOf(keys, seen),
    sendScript(
      redis,
      [keys.members, keys.ids, keys.messages, keys.lock, keys.guard + process, ...seen],
      [
        sender,
        JSON.stringify(sender),
        JSON.stringify(message),
        slot,
        number,
        guardLifeMs,
        publish,
        keys.members,
        room,
        unseen ? 0 : 1,
      ],
    ),
  );
}

const sendScript = defineScript({ lua: sendLua, parse: parseArray });

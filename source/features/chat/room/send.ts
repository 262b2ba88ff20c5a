import { setTimeout as wait } from 'node:timers/promises';
import { UsageError } from '../../../errors.ts';
import { publishCommand } from '../../../redis/channels.ts';
import type { Client } from '../../../redis/client.ts';
import { guardLifeMs, type Operation, withOperation } from '../../../redis/idempotency.ts';
import { rideOut } from '../../../redis/refusals.ts';
import { register, unregister } from '../../../redis/registry.ts';
import { asArray, asInteger } from '../../../redis/reply.ts';
import { defineScript } from '../../../redis/script.ts';
import { MessageTooLongError, RoomLockedError } from '../errors.ts';
import { assertMember, type RoomKeys, roomKeys, seenKeys, stillThere } from '../keys.ts';
import { checked, refuseUnless } from '../replies.ts';
import sendLua from './send.lua';

export const longestMessageBytes = 64 * 1024;
/** As long as `acquire_lock` of Redis in Action tries. */
const defaultWaitMs = 10_000;

export type Sent = {
  readonly id: number;
  /** Epoch ms, by the server's clock. */
  readonly at: number;
};

export type SendOptions = {
  readonly waitMs?: number;
  /** Does not count as seen by its sender, so it stays until it was shown to them as well. */
  readonly unseen?: boolean;
  readonly signal?: AbortSignal;
  /** How long what a server refuses for a while (it is full, it cannot save) is waited for; not at all by default. */
  readonly timeoutMs?: number;
  /** Called once when the server begins to refuse. */
  readonly onRefused?: (refusal: unknown) => void;
};

/**
 * Sends a message in one round trip. Waits up to `waitMs` while a sender that follows Redis in Action holds its lock.
 * @throws {MessageTooLongError | UnknownRoomError | NotAMemberError | RoomLockedError | WrongTypeError}
 */
export async function send(
  redis: Client,
  room: string,
  sender: string,
  message: string,
  { waitMs = defaultWaitMs, unseen = false, signal, timeoutMs = 0, onRefused }: SendOptions = {},
): Promise<Sent> {
  assertMember(sender);
  if (typeof message !== 'string')
    throw new UsageError(`Expected a text to send, got \`${String(message)}\``);
  const bytes = Buffer.byteLength(message);
  if (bytes > longestMessageBytes) throw new MessageTooLongError(bytes, longestMessageBytes);
  const keys = roomKeys(redis, room);
  const startedAtMs = performance.now();
  const sending = withOperation(keys.members, async (operation) => {
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const answer = await rideOut(
        () => sendOnce(redis, keys, { room, sender, message, unseen }, operation),
        {
          ...(signal && { signal }),
          timeoutMs,
          onWait: (refusal, sinceMs) => sinceMs === 0 && onRefused?.(refusal),
        },
      );
      if (answer[0] !== 'locked') return answer;
      const waitedMs = Math.round(performance.now() - startedAtMs);
      if (waitedMs >= waitMs) throw new RoomLockedError(room, keys.lock, waitedMs, asInteger(answer[1]));
      await wait(pauseMs, undefined, { ...(signal && { signal }) });
    }
  });
  // Rooms made by others become known by being used; in the same round trip, so before it is known whether there is one.
  const [reply] = await Promise.all([sending, register(redis, 'chat', room, { stillThere })]);
  if (reply[0] === 'unknown') await unregister(redis, 'chat', room);
  refuseUnless('sent', reply, room, sender);
  return { id: asInteger(reply[1]), at: asInteger(reply[2]) };
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
): Promise<readonly unknown[]> {
  const seen = seenKeys(redis, sender);
  return checked(
    redis,
    keys,
    seen,
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
        publishCommand(redis),
        keys.members,
        room,
        unseen ? 0 : 1,
      ],
    ),
  );
}

const sendScript = defineScript({ lua: sendLua, parse: asArray });

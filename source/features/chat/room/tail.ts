import type { Client } from '../../../redis/client.ts';
import { notifierOf } from '../../../redis/notifier.ts';
import { rideOut } from '../../../redis/refusals.ts';
import { RoomGoneError, UnknownRoomError } from '../errors.ts';
import { assertMember, channelOf } from '../keys.ts';
import type { Entry } from '../message.ts';
import { ack, pending } from './chat.ts';

/** For senders that announce nothing, such as those of Redis in Action, and for what was announced unheard. */
const pollMs = 1000;

export type FollowOptions = {
  readonly signal: AbortSignal;
  /** How long what a server refuses for a while is waited for; without limit by default. */
  readonly timeoutMs?: number;
  /** Called once when the server begins to refuse. */
  readonly onRefused?: (refusal: unknown) => void;
};

/**
 * Everything a member has not seen and then everything that is sent, in order, page after page, until `signal`.
 *
 * A page is marked as seen when the next one is asked for: whoever stops in the middle gets it again. Messages are
 * read by id, and read again whenever the subscription was (re)made, so a reconnect leaves no gap and repeats nothing.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError} also later, such as when the member leaves
 * @throws {RoomGoneError} once the room that it followed is there no more
 */
export async function* follow(
  redis: Client,
  listen: () => Client,
  room: string,
  member: string,
  { signal, timeoutMs, onRefused }: FollowOptions,
): AsyncGenerator<readonly Entry[]> {
  assertMember(member);
  const hearing = notifierOf(redis, listen).hear(channelOf(redis, room));
  let isRefused = false;
  const ride = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    const result = await rideOut(run, {
      signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
      onWait: (refusal) => {
        if (!isRefused) onRefused?.(refusal);
        isRefused = true;
      },
    });
    isRefused = false;
    return result;
  };
  let wasThere = false;
  try {
    let after: number | undefined;
    while (!signal.aborted) {
      const { entries, seen } = await ride(() => pending(redis, room, member, { after }));
      wasThere = true;
      const last = entries.at(-1);
      // Behind what was marked: the room was deleted and made anew meanwhile, and its ids started again.
      if (after !== undefined && seen < after) {
        after = seen;
        continue;
      }
      if (last) {
        yield entries;
        await ride(() => ack(redis, room, member, last.id));
        after = last.id;
      } else {
        await hearing.wait(pollMs, signal);
      }
    }
  } catch (error) {
    if (wasThere && error instanceof UnknownRoomError) throw new RoomGoneError(room, member);
    throw error;
  } finally {
    hearing.close();
  }
}

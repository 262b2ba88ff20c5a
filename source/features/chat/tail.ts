import type { Client } from '../../redis/client.ts';
import { startSubscriber } from '../../redis/subscriber.ts';
import { ack, pending } from './chat.ts';
import { doorbell } from './keys.ts';
import type { Entry } from './message.ts';

/** For senders that do not ring, such as the book's, and for what was rung while nobody could hear. */
const pollMs = 1000;

/**
 * Everything a member has not seen and then everything that is sent, in order, page after page, until `signal`.
 *
 * A page is marked as seen when the next one is asked for: whoever stops in the middle gets it again. Messages are
 * read by id, and read again whenever the subscription was (re)made, so a reconnect leaves no gap and repeats nothing.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError} also later, such as when the member leaves
 */
export async function* follow(
  redis: Client,
  listen: () => Client,
  room: string,
  member: string,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly Entry[]> {
  let isRung = false;
  let wake = (): void => {};
  const ring = (): void => {
    isRung = true;
    wake();
  };
  const subscriber = startSubscriber(listen, { onMessages: ring, onGap: ring });
  signal.addEventListener('abort', ring);
  try {
    subscriber.want([doorbell(redis, room)]);
    let after: number | undefined;
    while (!signal.aborted) {
      isRung = false;
      const { entries, seen } = await pending(redis, room, member, { after });
      const last = entries.at(-1);
      // Behind what was marked: the room was deleted and made anew meanwhile, and its ids started again.
      if (after !== undefined && seen < after) {
        after = seen;
        continue;
      }
      if (last) {
        yield entries;
        await ack(redis, room, member, last.id);
        after = last.id;
      } else if (!isRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pollMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  } finally {
    signal.removeEventListener('abort', ring);
    subscriber.want([]);
    subscriber.stop();
  }
}

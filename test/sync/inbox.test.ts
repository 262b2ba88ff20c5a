import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { Inbox } from '../../source/features/sync/runner/inbox.ts';
import type { Client } from '../../source/redis/client.ts';

/** A connection on which others publish. */
class Listener extends EventEmitter {
  subscribe = async (): Promise<number> => 1;
  unsubscribe = async (): Promise<number> => 0;
}

test.each([
  ['paths', (index: number) => `file ${index}`],
  ['paths to refuse', (index: number) => `../file ${index}`],
])('more plain messages with %s than memory is meant to hold become a gap', async (_, payload) => {
  const inbox = new Inbox('/srv', new AbortController().signal);
  const listener = new Listener();
  const stop = await inbox.hear(listener as unknown as Client, 'new_files');
  for (let index = 0; index < 50_000; index += 1) listener.emit('message', 'new_files', payload(index));
  expect(inbox.takeGap()).toBe(false);
  listener.emit('message', 'new_files', payload(50_000));
  expect(inbox.pending.size + inbox.takeRefused().length).toBe(50_000);
  expect(inbox.takeGap()).toBe(true);
  stop();
  expect(listener.listenerCount('message')).toBe(0);
});

test('a listener that was away leaves a gap once it hears again, and hears again', async () => {
  const inbox = new Inbox('/srv', new AbortController().signal);
  const listener = new Listener();
  const stop = await inbox.hear(listener as unknown as Client, 'new_files');
  const confirmed = Promise.withResolvers<number>();
  const subscribed = vi.spyOn(listener, 'subscribe').mockReturnValue(confirmed.promise);
  const gathered = inbox.gathered({ everyMs: 1, quietMs: 1, mostPaths: 1, untilMs: Number.MAX_SAFE_INTEGER });
  listener.emit('ready');
  expect(subscribed).toHaveBeenCalledWith('new_files');
  // Until it is confirmed, more may be lost: a comparison now would come too early.
  expect(inbox.takeGap()).toBe(false);
  confirmed.resolve(1);
  await gathered;
  expect(inbox.takeGap()).toBe(true);
  stop();
  expect(listener.listenerCount('ready')).toBe(0);
});

test('a batch is closed when nothing more comes, long before its first change has waited its time', async () => {
  const inbox = new Inbox('/srv', new AbortController().signal);
  inbox.add([{ path: 'a', op: 'change' }]);
  await inbox.gathered({ everyMs: 3_600_000, quietMs: 1, mostPaths: 10, untilMs: Number.MAX_SAFE_INTEGER });
  expect(inbox.takeChanges()).toHaveLength(1);
});

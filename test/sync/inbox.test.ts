import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Inbox } from '../../source/features/sync/inbox.ts';
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

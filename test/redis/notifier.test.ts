import { afterEach, expect, test, vi } from 'vitest';
import { DeniedError } from '../../source/errors.ts';
import { channelRule } from '../../source/redis/channels.ts';
import { type Hearing, notifierOf } from '../../source/redis/notifier.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const open: Hearing[] = [];
afterEach(() => {
  for (const hearing of open.splice(0)) hearing.close();
});

function keep(hearing: Hearing): Hearing {
  open.push(hearing);
  return hearing;
}

/** Takes what came with the subscription itself. */
async function heard(hearing: Hearing): Promise<Hearing> {
  expect(await hearing.isHeard).toBe(true);
  expect(await hearing.wait(0)).toBe('notified');
  return hearing;
}

test('a message ends the wait, also one that came before it', async () => {
  const redis = server.client();
  const hearing = await heard(keep(notifierOf(redis).hear('news')));
  const waiting = hearing.wait(60_000);
  await server.client().publish('news', 'x');
  expect(await waiting).toBe('notified');

  const messages: string[] = [];
  const other = keep(notifierOf(redis).hear('news', { onMessage: (message) => messages.push(message) }));
  await heard(other);
  await server.client().publish('news', 'y');
  await vi.waitFor(() => expect(messages).toEqual(['y']));
  expect(await hearing.wait(60_000)).toBe('notified');
  expect(await hearing.wait(1)).toBe('elapsed');
});

test('all of a client share one listening connection', async () => {
  const redis = server.client({ connectionName: 'shared-notifier' });
  const hearings = ['a', 'b', 'c'].map((channel) => keep(notifierOf(redis).hear(channel)));
  await Promise.all(hearings.map(heard));
  const clients = String(await redis.client('LIST')).split('\n');
  expect(clients.filter((line) => line.includes(' name=shared-notifier '))).toHaveLength(2);
  redis.disconnect();
  await vi.waitFor(async () => {
    expect(String(await server.client().client('LIST'))).not.toContain(' name=shared-notifier ');
  });
});

test('its signal ends the wait, and closing does', async () => {
  const hearing = await heard(keep(notifierOf(server.client()).hear('quiet')));
  const controller = new AbortController();
  const waits = [hearing.wait(60_000, controller.signal), hearing.wait(60_000)];
  controller.abort();
  expect(await waits[0]).toBe('elapsed');
  hearing.close();
  expect(await waits[1]).toBe('elapsed');
  expect(await hearing.wait(60_000)).toBe('elapsed');
  expect(await server.client().publish('quiet', 'to nobody')).toBe(0);
});

test('where channels are denied it polls, says which rule is missing, and hears once it was granted', async () => {
  const admin = server.client();
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '+@all', 'resetchannels');
  const denials: unknown[] = [];
  const redis = server.client({ username: 'app', password: 'pw' });
  const hearing = keep(
    notifierOf(redis).hear('lock-wake:deploy', { onDenied: (error) => denials.push(error), pollMs: 20 }),
  );
  expect(await hearing.isHeard).toBe(false);
  expect(hearing.state).toBe('denied');
  expect(denials).toEqual([expect.any(DeniedError)]);
  expect(denials[0]).toMatchObject({
    denied: 'lock-wake:deploy',
    hint: expect.stringContaining('&lock-wake:*'),
  });
  await hearing.wait(60_000);
  expect(await hearing.wait(60_000)).toBe('elapsed');

  await admin.call('ACL', 'SETUSER', 'app', '&lock-wake:*');
  // A reconnect asks again at once.
  await admin.call('CLIENT', 'KILL', 'USER', 'app');
  await vi.waitFor(() => expect(hearing.state).toBe('heard'));
  expect(denials).toHaveLength(1);
});

test('one denied channel takes no other with it', async () => {
  const admin = server.client();
  await admin.call('ACL', 'SETUSER', 'half', 'on', '>pw', '~*', '+@all', 'resetchannels', '&mine:*');
  const redis = server.client({ username: 'half', password: 'pw' });
  const notifier = notifierOf(redis);
  const denied = keep(notifier.hear('theirs:x', { onDenied: () => {} }));
  const allowed = keep(notifier.hear('mine:x'));
  expect(await allowed.isHeard).toBe(true);
  expect(await denied.isHeard).toBe(false);
});

test('in a cluster these are sharded channels', async () => {
  const cluster = await startCluster();
  try {
    const redis = cluster.client();
    const hearing = await heard(keep(notifierOf(redis).hear('lock-wake:{a}')));
    const waiting = hearing.wait(60_000);
    await redis.spublish('lock-wake:{a}', 'x');
    expect(await waiting).toBe('notified');
    hearing.close();
  } finally {
    await cluster.close();
  }
});

test.each([
  ['lock-wake:deploy', '&lock-wake:*'],
  ['topic:msgs:orders', '&topic:msgs:*'],
  ['new_files', '&new_files'],
])('the rule for %s is %s', (channel, rule) => {
  expect(channelRule(channel)).toBe(rule);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { acquire } from '../../source/features/lock/lock.ts';
import type { Client } from '../../source/redis/client.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { type SentinelGroup, startSentinel } from '../helpers/redis-sentinel.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

// A console goes from one named connection to another, and nothing of the one before is on it any more.

const first = await redisForThisFile();
const second = await redisForThisFile('--requirepass', 'sesame');
const a = first.client();
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-switch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const config = path.join(folder, 'config.json');
const passwordFile = path.join(folder, 'password');
let cluster: RedisCluster;
let group: SentinelGroup;

beforeAll(async () => {
  cluster = await startCluster();
  group = await startSentinel();
  writeFileSync(passwordFile, 'sesame\n', { mode: 0o600 });
  writeFileSync(
    config,
    JSON.stringify({
      contexts: {
        'prod-eu': { url: [second.url], passwordFile, production: true },
        stage: { url: [first.url] },
        shop: { url: [cluster.urls[0]], cluster: true, readOnly: true },
        mail: { url: [group.url], sentinel: group.name },
      },
    }),
  );
  const hold = async (client: Client, name: string): Promise<void> => {
    await acquire(client, name, { ttlMs: 3_600_000, waitMs: 0 });
  };
  await hold(a, 'on-stage');
  await hold(second.client({ password: 'sesame' }), 'on-prod');
  await hold(cluster.client(), 'on-shop');
  await hold(group.primary.client(), 'on-mail');
});
afterAll(async () => {
  await cluster.close();
  await group.close();
});

async function connectionsToFirst(): Promise<number> {
  return String(await a.client('LIST'))
    .trim()
    .split('\n').length;
}

test.each([
  [80, 24],
  [120, 40],
  [200, 60],
])('at %dx%d :ctx lists them, and each shows its own server alone', async (columns, rows) => {
  const play = startPlay({
    args: [cli, '--config', config, '--context', 'stage', '--operator', 'ada'],
    columns,
    rows,
    env: { QUARTERDECK_PASSWORD: '' },
  });
  try {
    await play.shows('● live');
    const before = await connectionsToFirst();
    play.press('6');
    await play.shows('on-stage');
    play.press(':', 'ctx', 'enter');
    await play.shows(/┏━ contexts/);
    await play.shows(/> stage +●/);
    await play.shows(/ {2}prod-eu +PRODUCTION +read-only/);
    await play.shows(/ {2}shop +read-only/);
    play.press('up', 'enter');
    await play.shows(/PRODUCTION prod-eu.*read-only/);
    await play.shows('● live');
    await play.hides('on-stage');
    await vi.waitFor(() => expect(play.raw()).toContain('PRODUCTION prod-eu\u0007'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    play.press('6');
    await play.shows('on-prod');
    await vi.waitFor(async () => expect(await connectionsToFirst()).toBeLessThan(before));
    play.press('x');
    await vi.waitFor(() => expect(play.lines().at(-1)).toContain('this session is read-only'));
    expect(play.modes()).toEqual({ alternate: true, cursorHidden: true, pasteMarks: true, wraps: false });

    play.press(':', 'unlock --for 5m', 'enter');
    await play.shows('Type prod-eu for yes');
    await play.answer('prod-eu');
    play.press('enter');
    await play.shows('is unlocked for 5m');

    for (const [name, holds] of [
      ['shop', 'on-shop'],
      ['mail', 'on-mail'],
    ] as const) {
      play.press(':', `ctx ${name}`, 'enter');
      await play.shows(new RegExp(` ${name} .*● live`));
      await new Promise((resolve) => setTimeout(resolve, 500));
      play.press('6');
      await play.shows(holds);
      await play.hides('on-prod');
    }
    play.press(':', 'ctx -', 'enter');
    await play.shows(/ shop .*● live/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // What was unlocked is locked again after coming back.
    play.press(':', 'ctx prod-eu', 'enter');
    await play.shows(/PRODUCTION prod-eu.*read-only/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    play.press(':', 'ctx nowhere', 'enter');
    await play.shows('There is no context `nowhere`');
    await play.shows(/PRODUCTION prod-eu/);
    play.press('q');
    expect(await play.ended()).toMatchObject({ exitCode: 0 });
  } finally {
    await play.close();
  }
});

test('a password of the environment does not go to another server', async () => {
  const play = startPlay({
    args: [cli, '--config', config, '--url', second.url, '--operator', 'ada'],
    env: { QUARTERDECK_PASSWORD: 'sesame' },
  });
  try {
    await play.shows('● live');
    // A server without a password refuses one.
    play.press(':', 'ctx stage', 'enter');
    await play.shows(/ stage .*● live/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // What the console was started with is known as long as it runs.
    play.press(':', 'ctx -', 'enter');
    await play.hides(/ stage /);
    await play.shows('● live');
    play.press('6');
    await play.shows('on-prod');
  } finally {
    await play.close();
  }
});

test('whoever hears the screen hears where the console is', async () => {
  const play = startPlay({
    args: [cli, '--config', config, '--context', 'stage', '--operator', 'ada', '--screen-reader'],
  });
  try {
    await play.shows('q leaves');
    play.press(':', 'ctx', 'enter');
    await play.shows('4 contexts; Enter connects, Escape goes back');
    await play.shows(/2 of 4: stage, in use/);
    play.press('up');
    await play.shows(/1 of 4: prod-eu, PRODUCTION, begins read-only/);
    play.press('enter');
    await play.shows(/Quarterdeck, PRODUCTION prod-eu/);
  } finally {
    await play.close();
  }
});

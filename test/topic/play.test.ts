import { afterEach, expect, test } from 'vitest';
import { setRetention } from '../../source/features/topic/own-layout/own-layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { topicStatus } from '../../source/features/topic/topic.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

/** An operator in a real terminal watches subscribers. */

let play: Play;
const server = await redisForThisFile();
const redis = server.client();
afterEach(() => play.close());

/** The console with the pane of topics alone on the screen. */
async function openTopics(): Promise<void> {
  play = startPlay({ args: [cli, '--url', server.url], columns: 120, rows: 40 });
  await play.shows(/\d topic(?: !\d+)? {2}\d topic/);
  const place = /(\d) topic {2}/.exec(play.lines().join('\n'))?.[1] ?? '';
  play.press(place, 'z');
  await play.shows(/^┏━ \d topic .*┓$/m);
}

const drain = (topic: string, as: string) => subscribe(redis, topic, { as, untilCaughtUp: true }, () => {});

test('a subscriber lapses and recovers', async () => {
  await publish(redis, 'news', 'first');
  await setRetention(redis, 'news', { lapseMs: 1500 });
  const live = await Subscription.open(redis, 'news', { as: 'billing' });
  live.ack(1);
  await live.settle();
  await openTopics();
  await play.shows(/live +news +billing +0 /);
  await live.close();
  await play.shows(/idle +news +billing +0 /);
  await publish(redis, 'news', ['second', 'third']);
  await play.shows(/LAPSED.* news +billing +2 /);
  await drain('news', 'audit');
  await play.shows(/LAPSED \d\d:\d\d, lost 2 +news +billing +2 /);

  const items: unknown[] = [];
  await subscribe(redis, 'news', { as: 'billing', untilCaughtUp: true }, (item) => items.push(item));
  expect(items).toEqual([{ gap: { from: 2, to: 3 } }]);
  await play.shows(/idle +news +billing +0 /);
});

test('a subscriber is dropped after a question', async () => {
  await drain('orders', 'audit');
  await drain('orders', 'billing');
  await publish(redis, 'orders', ['first', 'second']);
  await openTopics();
  await play.shows(/orders .* billing .* 2 /);
  play.press('G', 'x');
  await play.shows('Drop billing of orders');
  await play.answer('y');
  await play.hides(/orders .* billing/);
  await play.shows(/orders .* audit/);
  expect((await topicStatus(redis, 'orders')).subscribers).toMatchObject([{ name: 'audit' }]);
});

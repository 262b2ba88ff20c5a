import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test, vi } from 'vitest';
import { topicStatus } from '../../source/features/topic/topic.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { groupGone } from '../helpers/processes.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** The commands as a script runs them: words in, stdout, stderr and an exit code out. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const topic = (words: string[], stdin = '') => run(['topic', ...words], { url: server.url, stdin });
const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
async function json(...words: string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await topic([...words, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return lines(stdout);
}

test('publish, subscribe, status, drop, as JSON', async () => {
  expect(await json('publish', 'news', 'one', 'two')).toEqual([
    { topic: 'news', first: 1, last: 2, count: 2 },
  ]);
  expect(await json('subscribe', 'news', '--as', 'billing', '--until-caught-up')).toEqual([
    { id: 1, at: expect.any(Number), message: 'one' },
    { id: 2, at: expect.any(Number), message: 'two' },
  ]);
  await json('publish', 'news', 'three');
  expect(await json('subscribe', 'news', '--as', 'audit', '--from', 'now', '--until-caught-up')).toEqual([]);
  expect(await json('status', 'news')).toMatchObject([
    [
      {
        topic: 'news',
        lastId: 3,
        floor: 2,
        retained: 1,
        bytes: expect.any(Number),
        subscribers: [
          {
            name: 'audit',
            position: 3,
            lag: 0,
            seenMs: expect.any(Number),
            state: 'idle',
            condition: 'idle',
          },
          { name: 'billing', position: 2, lag: 1, seenMs: expect.any(Number), state: 'idle' },
        ],
      },
    ],
  ]);
  expect(await json('drop', 'news', 'billing', '--yes')).toEqual([
    { topic: 'news', name: 'billing', freed: 1 },
  ]);
  expect(await json('status')).toMatchObject([[{ topic: 'news', subscribers: [{ name: 'audit' }] }]]);
  const unknown = await topic(['status', 'newz', '--json']);
  expect(unknown).toMatchObject({ code: 4, stdout: '' });
  expect(errorOf(unknown)).toMatchObject({ code: 'TOPIC_UNKNOWN', hint: expect.stringContaining('`news`') });
});

test('each line of stdin is a message, and --count ends after so many', async () => {
  const many = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
  const published = await topic(['publish', 'lines', '-', '--json'], `${many.join('\n')}\n`);
  expect(lines(published.stdout)).toEqual([{ topic: 'lines', first: 1, last: 5000, count: 5000 }]);
  const { stdout } = await topic(['subscribe', 'lines', '--as', 's', '--count', '5000', '--json']);
  expect(lines(stdout).map((item) => (item as { message: string }).message)).toEqual(many);
  expect((await topicStatus(redis, 'lines')).subscribers).toMatchObject([{ position: 5000 }]);
  expect(await redis.keys('topic:sent:*')).toEqual([]);
});

test('people get a line for each message, and a table', async () => {
  await topic(['publish', 'news', 'hello there']);
  const { stdout } = await topic(['subscribe', 'news', '--as', 's', '--count', '1']);
  expect(stdout).toMatch(/^1 {2}\d\d:\d\d:\d\d {2}hello there\n$/);
  expect((await topic(['status'])).stdout).toMatch(
    /^topic +last id +retained +bytes +subscriber +position +lag +state +seen\nnews +1 +0 +\S+ +s +1 +0 +idle +/,
  );
  expect((await topic(['publish', 'news', 'x'])).stdout).toBe('Published 1 to news: id 2\n');
});

test('a live subscriber prints what is published, and SIGTERM ends it with everything acknowledged', async () => {
  const child = start(['topic', 'subscribe', 'live', '--as', 's', '--json'], { url: server.url });
  const printed = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  await vi.waitFor(async () => {
    expect((await topicStatus(redis, 'live')).subscribers).toMatchObject([{ state: 'live' }]);
  });
  const line = once(printed, 'line');
  await topic(['publish', 'live', 'now']);
  expect(lines(String(await line))).toMatchObject([{ id: 1, message: 'now' }]);
  child.kill('SIGTERM');
  expect((await finished(child)).code).toBe(143);
  expect((await topicStatus(redis, 'live')).subscribers).toMatchObject([{ position: 1, state: 'idle' }]);
});

test('a reader that goes early leaves the rest for the next subscription', async () => {
  const many = Array.from({ length: 3000 }, (_, index) => `${index} ${'x'.repeat(200)}`);
  await topic(['publish', 'head', '-'], many.join('\n'));
  const child = start(['topic', 'subscribe', 'head', '--as', 's', '--json'], { url: server.url });
  const ended = finished(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.stdout?.destroy();
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  const [{ position = 0 } = {}] = (await topicStatus(redis, 'head')).subscribers;
  expect(position).toBeGreaterThan(0);
  expect(position).toBeLessThan(3000);
});

test('--exec gets the message on stdin, and is acknowledged when it exits with 0', async () => {
  await topic(['publish', 'exec', 'first', 'second']);
  const command = 'printf "%s %s " "$TOPIC" "$MESSAGE_ID"; cat; echo';
  const { code, stdout } = await topic([
    'subscribe',
    'exec',
    '--as',
    's',
    '--exec',
    command,
    '--until-caught-up',
  ]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'exec 1 first\nexec 2 second\n' });
  expect((await topicStatus(redis, 'exec')).subscribers).toMatchObject([{ position: 2 }]);
});

test('--exec that fails is run again, then the subscriber stands blocked at that message: exit 5', async () => {
  await topic(['publish', 'exec', 'good', 'bad', 'good']);
  const words = ['subscribe', 'exec', '--as', 's', '--until-caught-up', '--retries', '1', '--json'];
  const failed = await topic([...words, '--exec', 'grep -q good']);
  expect(failed.code).toBe(5);
  expect(lines(failed.stdout)).toMatchObject([{ id: 1 }]);
  expect(failed.stderr).toContain('message 2: `grep -q good` exited with 1; again in 0.2s');
  expect(errorOf(failed)).toMatchObject({ code: 'SUBSCRIBER_BLOCKED' });
  expect(errorOf(failed).message).toContain('message 2');
  expect((await topic(['status'])).stdout).toContain('blocked at 2');
  const mended = await topic([...words, '--exec', 'true']);
  expect(lines(mended.stdout)).toMatchObject([{ id: 2 }, { id: 3 }]);
  expect((await topic(['status'])).stdout).not.toContain('blocked');
});

test('a gap made by retention is an object of its own', async () => {
  await topic(['subscribe', 'gap', '--as', 's', '--until-caught-up']);
  await topic(['publish', 'gap', 'a', 'b', 'c', 'd', '--max-len', '1']);
  const { stdout } = await topic(['subscribe', 'gap', '--as', 's', '--until-caught-up', '--json']);
  expect(lines(stdout)).toMatchObject([{ gap: { from: 1, to: 3 } }, { id: 4, message: 'd' }]);
});

test('a name in use is refused; with --standby the next one takes over', async () => {
  const words = ['topic', 'subscribe', 'shared', '--as', 's', '--lease', '3s', '--json'];
  const first = start(words, { url: server.url });
  await vi.waitFor(async () => {
    expect((await topicStatus(redis, 'shared')).subscribers).toMatchObject([{ state: 'live' }]);
  });
  const refused = await run(words, { url: server.url });
  expect(refused.code).toBe(4);
  expect(errorOf(refused)).toMatchObject({
    code: 'SUBSCRIBER_IN_USE',
    hint: expect.stringContaining('--standby'),
  });

  const second = start([...words, '--standby', '--count', '1'], { url: server.url });
  const ended = finished(second);
  first.kill('SIGKILL');
  await topic(['publish', 'shared', 'to the second']);
  expect(lines((await ended).stdout)).toMatchObject([{ message: 'to the second' }]);
});

test("the seed's layout from the command line", async () => {
  await json('publish', 'any', 'x', '--layout', 'seed');
  expect(await redis.zrange('pubsub:messages', '0', '-1')).toEqual(['{"msg_id": 1, "message": "x"}']);
  expect(await json('subscribe', 'any', '--as', 's', '--layout', 'seed', '--until-caught-up')).toEqual([
    { id: 1, at: null, message: 'x' },
  ]);
  expect(await json('status')).toMatchObject([[{ topic: 'pubsub', layout: 'seed', lastId: 1 }]]);
  const refused = await topic(['publish', 'any', 'x', '--layout', 'seed', '--max-len', '5', '--json']);
  expect(errorOf(refused)).toMatchObject({ code: 'LAYOUT' });
  expect(refused.code).toBe(2);
});

test.each([
  [['publish', 'news'], 2, 'USAGE'],
  [['publish', '}news', 'x'], 2, 'TOPIC_NAME'],
  [['publish', 'news', 'x', '--layout', 'other'], 2, 'USAGE'],
  [['publish', 'news', 'x', '--max-age', 'soon'], 2, 'USAGE'],
  [['subscribe', 'news'], 2, 'USAGE'],
  [['subscribe', 'news', '--as', 's', '--lease', '10ms'], 2, 'USAGE'],
  [['subscribe', 'news', '--as', 's', '--count', '0'], 2, 'USAGE'],
  [['drop', 'news', 'nobody', '--yes'], 4, 'NO_SUBSCRIBER'],
  [['drop', 'news', 'nobody'], 2, 'NOT_CONFIRMED'],
  [['publish', 'news', 'x', '--read-only'], 2, 'READ_ONLY'],
])('%j exits with %i, %s', async (words, code, name) => {
  await topic(['publish', 'news', 'x']);
  const refused = await topic([...words, '--json']);
  expect(refused.code).toBe(code);
  expect(errorOf(refused)).toMatchObject({ code: name, message: expect.any(String) });
  expect(refused.stdout).toBe('');
});

test.each([
  ['drop', 'nosuch', 'x', '--yes'],
  ['retry', 'nosuch', 'x', '--all'],
  ['discard', 'nosuch', 'x', '--all', '--yes'],
])('%j: the topic is unknown, not its subscriber', async (...words) => {
  await topic(['publish', 'nosuck', 'x']);
  const refused = await topic([...words, '--json']);
  expect(refused.code).toBe(4);
  expect(errorOf(refused).message).toMatch(/`nosuch`/);
  expect(errorOf(refused).message).not.toMatch(/subscriber|aside/);
  expect(JSON.stringify(errorOf(refused))).toContain('nosuck');
});

test('a message over 16 MiB and a foreign key exit with 4', async () => {
  const large = await topic(['publish', 'news', '-', '--json'], 'x'.repeat(16 * 1024 ** 2 + 1));
  expect(large.code).toBe(4);
  expect(errorOf(large).code).toBe('MESSAGE_TOO_LARGE');
  await redis.set('topic:msgs:foreign', 'x');
  const foreign = await topic(['publish', 'foreign', 'x', '--json']);
  expect(foreign.code).toBe(4);
  expect(errorOf(foreign).code).toBe('WRONG_TYPE');
});

test('SIGTERM ends what --exec started, all of it, and the message is delivered again', async () => {
  await topic(['publish', 'exec', 'long']);
  const words = ['topic', 'subscribe', 'exec', '--as', 's', '--exec', 'echo $$; sleep 600; true'];
  const child = start(words, { url: server.url, stdin: '' });
  if (!child.stdout) throw new Error('Expected a pipe');
  const [pid] = await once(createInterface(child.stdout), 'line');
  const ended = finished(child);
  child.kill('SIGTERM');
  expect((await ended).code).toBe(143);
  await groupGone(Number(pid));
  expect((await topicStatus(redis, 'exec')).subscribers).toMatchObject([{ position: 0, state: 'idle' }]);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startPoller } from '../../source/redis/poller.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** Lets the readings that just began settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    vi.advanceTimersByTime(100);
    await settle();
  }
}

test('a question is asked at once and then about every so often', async () => {
  const ask = vi.fn(async () => {});
  const poller = startPoller([{ everyMs: 1000, ask }]);
  expect(ask).toHaveBeenCalledTimes(1);
  await pass(10_000);
  expect(ask.mock.calls.length).toBeGreaterThanOrEqual(9);
  expect(ask.mock.calls.length).toBeLessThanOrEqual(11);
  poller.stop();
});

test('what is due in one tick is asked in the same turn', async () => {
  const order: string[] = [];
  const question = (name: string) => ({ everyMs: 1000, ask: async () => void order.push(name) });
  const poller = startPoller([question('a'), question('b'), question('c')]);
  expect(order).toEqual(['a', 'b', 'c']);
  poller.stop();
});

test('one reading is in flight at most', async () => {
  let answer = (): void => {};
  const ask = vi.fn(() => new Promise<void>((resolve) => (answer = resolve)));
  const question = { everyMs: 100, ask };
  const poller = startPoller([question]);
  poller.ring(question);
  await pass(5000);
  expect(ask).toHaveBeenCalledTimes(1);
  answer();
  await settle();
  await pass(100);
  expect(ask).toHaveBeenCalledTimes(2);
  poller.stop();
});

test('failures back off and a success ends that', async () => {
  let isDown = true;
  const ask = vi.fn(async () => {
    if (isDown) throw new Error('down');
  });
  const poller = startPoller([{ everyMs: 1000, ask }]);
  await pass(31_000);
  const whileDown = ask.mock.calls.length;
  expect(whileDown).toBeLessThanOrEqual(6);
  isDown = false;
  await pass(16_000);
  const recovered = ask.mock.calls.length;
  await pass(10_000);
  expect(ask.mock.calls.length - recovered).toBeGreaterThanOrEqual(8);
  poller.stop();
});

test('ringing asks in the next tick', async () => {
  const ask = vi.fn(async () => {});
  const question = { everyMs: 60_000, ask };
  const poller = startPoller([question]);
  await pass(200);
  poller.ring(question);
  await pass(100);
  expect(ask).toHaveBeenCalledTimes(2);
  poller.stop();
});

test('stretching lengthens every interval', async () => {
  const ask = vi.fn(async () => {});
  const poller = startPoller([{ everyMs: 1000, ask }], () => 5);
  await settle();
  await pass(10_000);
  expect(ask.mock.calls.length).toBeLessThanOrEqual(4);
  poller.stop();
});

test('what is asked equally often stays together, however long each takes to answer', async () => {
  const askedAtMs: number[][] = [[], []];
  const ask = (index: number, answersAfterMs: number) => async (): Promise<void> => {
    askedAtMs[index]?.push(performance.now());
    await new Promise((resolve) => setTimeout(resolve, answersAfterMs));
  };
  const poller = startPoller([
    { everyMs: 1000, ask: ask(0, 0) },
    { everyMs: 1000, ask: ask(1, 200) },
  ]);
  await pass(10_000);
  const [quick = [], slow = []] = askedAtMs;
  expect(quick.length).toBeGreaterThanOrEqual(9);
  expect(slow).toEqual(quick);
  poller.stop();
});

test('an unchanging set of questions wakes the process as often as something is due', async () => {
  const ask = async (): Promise<void> => {};
  const poller = startPoller([
    { everyMs: 1000, ask },
    { everyMs: 2000, ask },
    { everyMs: 2000, ask },
  ]);
  await settle();
  let wakes = 0;
  for (let round = 0; round < 10; round += 1) {
    wakes += vi.getTimerCount();
    vi.advanceTimersToNextTimer();
    await settle();
  }
  expect(wakes).toBe(10);
  expect(performance.now()).toBeGreaterThan(8000);
  poller.stop();
});

test('what comes by itself is asked at once, but not more often than half of a stretched interval', async () => {
  let stretch = 1;
  const ask = vi.fn(async () => {});
  const question = { everyMs: 10_000, ask };
  const poller = startPoller([question], () => stretch);
  await pass(1000);
  const notifyFor = async (ms: number): Promise<number> => {
    const before = ask.mock.calls.length;
    for (let passed = 0; passed < ms; passed += 100) {
      poller.notify(question);
      await pass(100);
    }
    return ask.mock.calls.length - before;
  };
  expect(await notifyFor(2000)).toBeGreaterThan(10);
  stretch = 2;
  // Half of 20 s since the last one.
  expect(await notifyFor(9500)).toBeLessThanOrEqual(1);
  expect(await notifyFor(30_500)).toBeLessThanOrEqual(4);
  // What somebody did, or chose to look at, is read at once all the same.
  const before = ask.mock.calls.length;
  poller.ring(question);
  await pass(200);
  expect(ask.mock.calls.length).toBe(before + 1);
  poller.stop();
});

import { expect, test } from 'vitest';
import { parseCondition } from '../../source/commands/condition.ts';

const snapshot = {
  at: 1,
  topic: [
    {
      topic: 'news',
      subscribers: [
        { name: 'a', lag: 12, state: 'live' },
        { name: 'b', lag: 8114, state: 'idle' },
      ],
    },
    { topic: 'orders', subscribers: [] },
  ],
  ship: [{ channel: 'logs:', usedBytes: 70_000_000, state: 'stalled', failure: null }],
  lock: [{ name: 'deploy', heldMs: 341_000, waiters: [] }],
  hits: [],
};

test.each([
  ['topic.lag > 1000', true],
  ['topic.lag > 9000', false],
  ['topic.subscribers.lag >= 8114', true],
  ['topic.lag <= 12', true],
  ['ship.state == stalled', true],
  ['ship.state == "stalled"', true],
  ['ship.state != stalled', false],
  ['ship.usedBytes > 64MiB', true],
  ['lock.heldMs > 5m', true],
  ['lock.heldMs > 1h', false],
  ['hits.sum > 0', false],
  ['topic.state < 3', false],
])('%s is %s', (text, holds) => {
  expect(parseCondition(text).holds(snapshot)).toBe(holds);
});

test.each([
  ['lock.foo > 3', true],
  ['ship.usedBites > 3', true],
  ['lock.heldMs.x > 3', true],
  ['lock.heldMs > 3', false],
  ['topic.lag > 3', false],
  ['ship.failure.message == x', false],
  ['lock.waiters.host == x', false],
  ['hits.anything > 3', false],
])('whether %s leads nowhere: %s', (text, isAstray) => {
  expect(parseCondition(text).isAstray(snapshot)).toBe(isAstray);
});

test.each(['topic.lag >> 3', 'topic.lag => 3', '', 'topic.lag', '> 3', 'topic.lag >', 'topic lag > 3'])(
  '`%s` is refused',
  (text) => {
    expect(() => parseCondition(text)).toThrow('Expected a condition such as');
  },
);

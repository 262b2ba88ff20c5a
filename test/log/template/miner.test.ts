import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mask } from '../../../source/features/log/template/mask.ts';
import { Miner } from '../../../source/features/log/template/miner.ts';
import { type Event, groupingAccuracy, syntheticLog } from '../synthetic-log.ts';

const users = ['ann', 'bob', 'eve', 'joe', 'kim', 'zoe'];

test('a word that varies becomes a wildcard once enough was seen of it', () => {
  const miner = new Miner();
  expect(miner.template('session opened for guest ann by root')).toBe('session opened for guest ann by root');
  expect(miner.template('session opened for guest bob by root')).toBe('session opened for guest bob by root');
  expect(miner.template('session opened for guest eve by root')).toBe('session opened for guest <*> by root');
  expect(miner.resolve('session opened for guest ann by root')).toBe('session opened for guest <*> by root');
  expect(miner.proposed).toEqual(['session opened for guest <*> by root']);
});

test('a few states of a thing stay apart', () => {
  const miner = new Miner();
  const lines = ['opened', 'closed'].map((state) => `session ${state} after a while`);
  for (const line of [...lines, ...lines]) expect(miner.template(line)).toBe(line);
  expect(miner.proposed).toEqual([]);
});

test('one value that shows its kind is evidence for the others in its place', () => {
  const miner = new Miner();
  miner.template('synchronized to 10.0.0.1, stratum 3');
  expect(miner.template('synchronized to LOCAL, stratum 10')).toBe('synchronized to <*>, stratum <*>');
});

test('punctuation that all values share stays in the template', () => {
  const miner = new Miner();
  for (const user of users) miner.template(`access of (${user}), denied by policy`);
  expect(miner.resolve('access of (tom), denied by policy')).toBe('access of (<*>), denied by policy');
});

test('two words that vary independently both become wildcards', () => {
  const miner = new Miner();
  for (const user of users)
    for (const host of users) miner.template(`login of user ${user} on host ${host} ok`);
  expect(miner.template('login of user tom on host tim ok')).toBe('login of user <*> on host <*> ok');
});

test('in front of the message nothing is learned: programs stay apart', () => {
  const miner = new Miner();
  for (const program of users) {
    const line = `Dec 10 06:55:46 web ${program}[1]: ready to serve`;
    expect(miner.template(line)).toBe(`<*> ${program}[<*>]: ready to serve`);
  }
});

test('an agreed list is obeyed in its order, and what it lacks stays proposed', () => {
  const miner = new Miner();
  for (const user of users) miner.template(`guest ${user} left the room`);
  expect(miner.proposed).toEqual(['guest <*> left the room']);
  miner.adopt(['guest <*> entered the room'], 0);
  expect(miner.shared).toEqual(['guest <*> entered the room']);
  expect(miner.proposed).toEqual(['guest <*> left the room']);
  miner.adopt(['guest <*> left the room'], 1);
  expect(miner.proposed).toEqual([]);
  expect(miner.template('guest tom entered the room')).toBe('guest <*> entered the room');
  // The list was lost on the server.
  miner.adopt([], 0);
  expect(miner.proposed).toEqual(['guest <*> entered the room', 'guest <*> left the room']);
});

test('synthetic logs of known events are grouped as they were made, raw and bare', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const log = syntheticLog({ seed, events: 40, lines: 4000 });
    for (const text of [(event: Event) => event.line, (event: Event) => event.message]) {
      const miner = new Miner();
      for (const event of log) miner.template(text(event));
      const groups = log.map((event) => miner.resolve(mask(text(event))));
      const truth = log.map(({ event }) => event);
      expect(groupingAccuracy(groups, truth)).toBeGreaterThan(0.95);
    }
  }
});

test('miners that hear of each other agree on every line, whatever each saw', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 2, max: 5 }), (seed, count) => {
      const miners = Array.from({ length: count }, () => new Miner());
      const shared: string[] = [];
      const log = syntheticLog({ seed, events: 12, lines: 600 });
      const sync = (miner: Miner): void => {
        miner.adopt(shared.slice(miner.shared.length), miner.shared.length);
        const learned = [...miner.proposed];
        shared.push(...learned);
        miner.adopt(learned, shared.length - learned.length);
      };
      for (const [index, { line }] of log.entries()) {
        const miner = miners[(index * 7919 + seed) % count];
        if (!miner) continue;
        miner.template(line);
        if (index % 10 === 0) sync(miner);
      }
      for (let round = 0; round < 2; round += 1) for (const miner of miners) sync(miner);
      for (const { line } of log) {
        expect(new Set(miners.map((miner) => miner.resolve(mask(line)))).size).toBe(1);
      }
    }),
    { numRuns: 30 },
  );
});

test('resolving ends, and never makes a line more special', () => {
  const word = fc.constantFrom('a', 'bb', 'cc', 'ddd', 'err:', '(x)', 'y,', '<*>', 'for', '7');
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { maxLength: 60 }), (lines) => {
      const miner = new Miner();
      for (const words of lines) miner.template(words.join(' '));
      for (const words of lines) {
        const template = miner.resolve(mask(words.join(' ')));
        expect(miner.resolve(template)).toBe(template);
        expect(template.split(' ').length).toBeLessThanOrEqual(words.length);
      }
    }),
  );
});

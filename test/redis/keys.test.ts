import { Cluster, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { keyFamily, nameInKey, withHashTag } from '../../source/redis/keys.ts';

const one = new Redis({ lazyConnect: true });
const many = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
const patterns = { members: 'chat:*', next: 'ids:*', start: 'common:*:start' } as const;

test('on one server the names are the book\u2019s', () => {
  expect(keyFamily(one, 'ops', patterns)).toEqual({
    members: 'chat:ops',
    next: 'ids:ops',
    start: 'common:ops:start',
  });
});

test('in Cluster a family shares a slot', () => {
  expect(keyFamily(many, 'ops', patterns)).toEqual({
    members: 'chat:{ops}',
    next: 'ids:{ops}',
    start: 'common:{ops}:start',
  });
});

test('a tag the user already wrote is respected', () => {
  expect(withHashTag('{logs}:app')).toBe('{logs}:app');
  expect(withHashTag('{}:app')).toBe('{{}:app}');
  expect(withHashTag('a}b')).toBe('{a}b}');
});

test('a name with replacement patterns stays itself', () => {
  expect(keyFamily(one, '$& $1 *', { only: 'chat:*' })).toEqual({ only: 'chat:$& $1 *' });
});

test('the name is read back from the key', () => {
  for (const name of ['ops', 'a{b', 'a}b', '{logs}:app', '{}:app', 'with space']) {
    expect(nameInKey(many, withHashTag(name))).toBe(name);
    expect(nameInKey(one, name)).toBe(name);
  }
  expect(nameInKey(many, 'without a tag')).toBeUndefined();
  expect(nameInKey(many, '')).toBeUndefined();
  expect(nameInKey(one, '')).toBeUndefined();
});

import type { Key } from 'ink';
import { expect, test } from 'vitest';
import { isText, keyLabel, keysOf } from '../../../source/console/input/key-names.ts';

const plain: Key = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
  super: false,
  hyper: false,
  capsLock: false,
  numLock: false,
};

test.each<[string, Partial<Key>, readonly string[]]>([
  ['j', {}, ['j']],
  ['jjj', {}, ['j', 'j', 'j']],
  ['J', { shift: true }, ['J']],
  ['hi\r', {}, ['h', 'i', 'enter']],
  ['a\tb', {}, ['a', 'tab', 'b']],
  ['日🙂', {}, ['日', '🙂']],
  ['', { upArrow: true }, ['up']],
  ['', { leftArrow: true, ctrl: true }, ['ctrl+left']],
  ['', { tab: true, shift: true }, ['shift+tab']],
  ['', { escape: true, meta: true }, ['esc']],
  ['c', { ctrl: true }, ['ctrl+c']],
  ['b', { meta: true }, ['alt+b']],
  ['\r', { return: true }, ['enter']],
  ['\u0004x', {}, ['ctrl+d', 'x']],
  ['', {}, []],
])('%j %j', (input, key, names) => {
  expect(keysOf(input, { ...plain, ...key })).toEqual(names);
});

test('a released key is no key', () => {
  expect(keysOf('a', { ...plain, eventType: 'release' })).toEqual([]);
});

test('labels', () => {
  expect(['enter', 'ctrl+d', 'alt+b', 'shift+tab', 'up', 'z', '?', 'ctrl+left'].map(keyLabel)).toEqual([
    'Enter',
    '^D',
    'Alt-b',
    'Shift-Tab',
    '↑',
    'z',
    '?',
    'Ctrl-←',
  ]);
});

test('text or not', () => {
  expect(['a', '日', '👩🏽‍🚀', 'up', 'enter', 'ctrl+c'].map(isText)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

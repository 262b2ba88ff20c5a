import { expect, test } from 'vitest';
import { deafAtFirst } from '../../../source/console/input/deaf-at-first.ts';

test('what was typed for another server is left out, and that is said', () => {
  let nowMs = 1000;
  const said: string[] = [];
  const heard: string[] = [];
  const keyboard = deafAtFirst(
    {
      press: (keys) => void heard.push(...keys),
      paste: (text) => void heard.push(text),
      openContexts() {},
    },
    (text) => void said.push(text),
    () => nowMs,
  );
  nowMs += 399;
  keyboard.press(['x', 'y']);
  keyboard.paste('drop it');
  expect(heard).toEqual([]);
  expect(said).toEqual(
    Array.from({ length: 2 }, () => 'Typed before this server was on the screen: left out'),
  );
  nowMs += 1;
  keyboard.press(['x']);
  expect(heard).toEqual(['x']);
});

import { expect, test, vi } from 'vitest';
import type { State } from '../../../source/store/store.ts';
import { initialList } from '../../../source/ui/list.ts';
import { makeFeature, type Notes } from '../../helpers/feature.ts';
import { makeShell } from '../../helpers/shell.ts';

// A key on marked rows: one question for all of them, each looked at again, those that were refused stay marked.

type Options = Parameters<typeof makeShell>[1];

function open(feature: Parameters<typeof makeFeature>[0] = {}, options: Options = {}) {
  const ran: string[] = [];
  const shell = makeShell(
    [makeFeature({ ran: (_, input) => void ran.push((input as { name: string }).name), ...feature })],
    options,
  );
  const marks = (): readonly string[] => (shell.slice('notes') as Notes).list.marks;
  const asked = async (): Promise<Extract<State['screen']['mode'], { name: 'confirm' }>> =>
    await vi.waitFor(() => {
      const mode = shell.mode();
      if (mode.name !== 'confirm') throw new Error(`Nothing is asked: ${mode.name}`);
      return mode;
    });
  const answer = async (key: string): Promise<void> => {
    await asked();
    shell.pass(1000);
    shell.press(key);
  };
  return { ...shell, ran, marks, asked, answer };
}

test('one question names them all, and each is done', async () => {
  const { press, asked, answer, ran, status, marks, calls } = open();
  press('*', 'x');
  const { asked: question, targets } = await asked();
  expect(question.question).toBe(
    'Wipe 3 marked of notes: one, two, three? Each is looked at again before it is done.',
  );
  expect(targets).toHaveLength(3);
  await answer('y');
  await vi.waitFor(() => expect(status()).toBe('3 done'));
  expect(ran).toEqual(['one', 'two', 'three']);
  expect(marks()).toEqual([]);
  expect(calls).toContain('refresh notes');
});

test('what has changed since the question is not done, and stays marked with the reason', async () => {
  const states = new Map([
    ['one', 'there'],
    ['two', 'there'],
    ['three', 'there'],
  ]);
  const { press, answer, asked, ran, status, marks } = open({ stateOf: (name) => states.get(name) });
  press('*', 'x');
  await asked();
  states.set('two', 'held by bob');
  await answer('y');
  await vi.waitFor(() =>
    expect(status()).toMatch(
      /^2 done, 1 refused: two: Not done: two has changed since the question: held by bob/,
    ),
  );
  expect(ran).toEqual(['one', 'three']);
  expect(marks()).toEqual(['two']);
});

test('what cannot be done at all is said before, and the rest is asked about', async () => {
  const { press, asked, answer, ran, marks, mode } = open({
    stateOf: (name) => (name === 'one' ? 'there' : undefined),
  });
  press('*', 'x');
  const { asked: question } = await asked();
  expect(question.question).toMatch(/^Wipe 1 marked of notes: one\? .* Left as it is: two: there is nothing/);
  await answer('y');
  // Two reasons have a view of their own.
  await vi.waitFor(() =>
    expect(mode()).toMatchObject({ name: 'output', title: 'notes wipe: 1 done, 2 refused' }),
  );
  expect(mode()).toMatchObject({
    lines: [expect.stringMatching(/^two: /), expect.stringMatching(/^three: /)],
  });
  expect(ran).toEqual(['one']);
  expect(marks()).toEqual(['two', 'three']);
});

test('Esc ends a series behind the one that is being done, and says what was done and what was not', async () => {
  const first = Promise.withResolvers<void>();
  const ran: string[] = [];
  const { press, answer, status, marks, mode } = open({
    async ran(_, input) {
      ran.push((input as { name: string }).name);
      await first.promise;
    },
  });
  press('*', 'x');
  await answer('y');
  await vi.waitFor(() => expect(ran).toEqual(['one']));
  press('esc');
  expect(status()).toBe('Stopping behind the one that is being done');
  expect(marks()).toHaveLength(3);
  first.resolve();
  await vi.waitFor(() => expect(mode().name).toBe('output'));
  expect(status()).toBe('Stopped: 1 done, 2 not begun');
  expect(mode()).toMatchObject({ lines: ['done       one', 'not begun  two', 'not begun  three'] });
  expect(ran).toEqual(['one']);
  expect(marks()).toEqual(['two', 'three']);
  // With nothing to stop it is the key that it was.
  press('esc', 'esc');
  expect(marks()).toEqual([]);
});

test('a no does nothing and keeps the marks', async () => {
  const { press, answer, ran, status, marks } = open();
  press('*', 'x');
  await answer('n');
  expect(status()).toBe('Not confirmed; nothing was done');
  expect(ran).toEqual([]);
  expect(marks()).toEqual(['one', 'two', 'three']);
});

test('in production what is lost wants the number typed', async () => {
  const { press, type, asked, ran, status, pass } = open(
    {},
    { config: { context: { name: 'prod', production: true } } },
  );
  press(' ', ' ', 'x');
  expect((await asked()).word).toBe('wipe 2');
  pass(1000);
  type('wipe 3');
  press('enter');
  expect(status()).toBe('Type wipe 2 for yes, or press Esc for no');
  press('backspace');
  type('2');
  press('enter');
  await vi.waitFor(() => expect(ran).toEqual(['one', 'two']));
});

test('keys that are about one row are about the chosen one, marks or not', async () => {
  const { press, ran } = open({ ran: () => {} });
  press('*', 'b');
  expect(ran).toEqual([]);
});

test('nothing is asked about more rows than anybody could read', () => {
  const feature = makeFeature();
  const rows = Array.from({ length: 201 }, (_, index) => `n${index}`);
  const shell = makeShell([{ ...feature, initial: () => ({ rows, list: initialList }) }]);
  shell.press('*', 'x');
  expect(shell.status()).toBe('201 rows are marked, and at most 200 are done at once');
});

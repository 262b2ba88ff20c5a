import { describe, expect, test, vi } from 'vitest';
import { changeScreen, changeSlice } from '../../../source/store/store.ts';
import { changeList, initialList } from '../../../source/ui/list.ts';
import { makeFeature, type Notes } from '../../helpers/feature.ts';
import { makeShell } from '../../helpers/shell.ts';

const open = (options: Parameters<typeof makeShell>[1] = {}) => {
  const ran: [verb: string, input: unknown][] = [];
  const note = (verb: string, input: unknown) => void ran.push([verb, input]);
  const shell = makeShell([makeFeature({ ran: note }), makeFeature({ noun: 'other', ran: note })], options);
  return { ...shell, ran };
};

describe('moving about', () => {
  test('Tab and digits move the focus, z zooms, Esc goes back', () => {
    const { press, screen } = open();
    press('tab');
    expect(screen().focus).toBe('other');
    press('tab');
    expect(screen().focus).toBe('notes');
    press('shift+tab', '1', '2', '9');
    expect(screen().focus).toBe('other');
    press('z');
    expect(screen().isZoomed).toBe(true);
    press('esc');
    expect(screen().isZoomed).toBe(false);
  });

  test('keys of the focused pane change its slice, each key of a burst once', () => {
    const { press, slice } = open();
    press(...Array.from('jjjjkk'), 'down');
    expect(slice('notes')).toMatchObject({ list: { selected: 'two' } });
    expect(slice('other')).toMatchObject({ list: { selected: undefined } });
  });

  test('quit, suspend and redraw are asked of the deck', () => {
    const { press, calls } = open();
    press('ctrl+l', 'ctrl+z', 'q', 'ctrl+c');
    expect(calls).toEqual(['redraw', 'suspend', 'quit', 'quit']);
  });

  test('suspend and redraw work while something is typed, and leave it', () => {
    const { press, type, calls, mode } = open();
    press('i');
    type('half');
    press('ctrl+z', 'ctrl+l');
    expect(calls).toEqual(['suspend', 'redraw']);
    expect(mode()).toMatchObject({ name: 'ask', line: { text: 'half' } });
  });

  test('help scrolls and closes', () => {
    const { press, mode } = open();
    press('?', 'down', 'pagedown');
    expect(mode()).toEqual({ name: 'help', scroll: 10 });
    press('home');
    expect(mode()).toEqual({ name: 'help', scroll: 0 });
    press('q');
    expect(mode().name).toBe('browse');
  });

  test('a letter that does not scroll the help begins to look for it', () => {
    const { press, type, mode } = open();
    press('?', 'j', 'k');
    expect(mode().name).toBe('help');
    type('wip');
    expect(mode()).toMatchObject({ name: 'palette', isFinder: true, line: { text: 'wip' } });
    press('esc');
    expect(mode().name).toBe('browse');
  });
});

describe('in what a command printed', () => {
  test('/ finds text in any case, n and N go from match to match and round, and Esc goes back one step', () => {
    const { store, press, type, mode, status } = open();
    const lines = Array.from({ length: 60 }, (_, index) =>
      index % 20 === 5 ? `a Lock ${index}` : `line ${index}`,
    );
    const output = { name: 'output', title: 'x', lines, scroll: 0, isRunning: false } as const;
    changeScreen(store, { mode: output });
    press('n');
    expect(status()).toBe('n goes from match to match; / finds text first');
    press('/');
    type('lock');
    expect(mode()).toMatchObject({ line: { text: 'lock' }, scroll: 0 });
    press('esc');
    expect(mode()).toEqual(output);
    press('/');
    type('LOCK');
    press('enter');
    const found: [unknown, unknown, unknown][] = [];
    for (const key of ['', 'n', 'n', 'n', 'N']) {
      if (key !== '') press(key);
      const now = mode();
      if (now.name === 'output') found.push([now.found?.at, now.scroll, status()]);
    }
    expect(found.map(([at, , words]) => [at, words])).toEqual([
      [5, 'Match 1 of 3'],
      [25, 'Match 2 of 3'],
      [45, 'Match 3 of 3'],
      [5, 'Match 1 of 3, from the top again'],
      [45, 'Match 3 of 3, from the end again'],
    ]);
    // What is found is to be seen.
    expect(found.map(([, scroll]) => scroll)).toEqual([0, 25, 45, 5, 45]);
    press('/');
    type('nowhere');
    press('enter');
    expect(status()).toBe('Nothing here has `nowhere`');
    press('esc');
    expect(mode().name).toBe('browse');
  });
});

describe('a sticky question', () => {
  test('runs its command with what was typed, and asks again', async () => {
    const { press, type, mode, ran, status, calls } = open();
    press('i');
    type('hello there');
    press('enter');
    expect(mode()).toMatchObject({ name: 'ask', line: { text: '' } });
    await vi.waitFor(() => expect(status()).toBe('Said hello there'));
    expect(ran).toEqual([['say', { text: ['hello there'], loud: false }]]);
    expect(calls).toEqual(['refresh notes']);
    press('up');
    expect(mode()).toMatchObject({ line: { text: 'hello there' } });
    press('esc');
    expect(mode().name).toBe('browse');
    press('i', 'up');
    expect(mode()).toMatchObject({ line: { text: 'hello there' } });
  });

  test('what could not be done comes back to be sent again', async () => {
    const ran = vi.fn().mockRejectedValueOnce(new Error('Out of memory'));
    const { press, type, mode, status } = makeShell([makeFeature({ ran })]);
    press('i');
    type('precious');
    press('enter');
    await vi.waitFor(() => expect(status()).toBe('Out of memory'));
    expect(mode()).toMatchObject({ line: { text: 'precious' } });
    press('enter');
    await vi.waitFor(() => expect(status()).toBe('Said precious'));
  });

  test('while Redis is lost nothing is sent and the line stays', () => {
    const { press, type, mode, status, ran } = open({ connection: 'lost' });
    press('i');
    type('precious');
    press('enter');
    expect(status()).toBe('Not done: Redis is lost');
    expect(mode()).toMatchObject({ line: { text: 'precious' } });
    expect(ran).toEqual([]);
  });

  test('Tab leaves it for the next pane', () => {
    const { press, type, mode, screen } = open();
    press('i');
    type('half');
    press('tab');
    expect(mode().name).toBe('browse');
    expect(screen().focus).toBe('other');
  });
});

describe('the list of a pane', () => {
  test('a filter follows the typing, Enter keeps it, Escape brings the old one back', () => {
    const { press, type, slice, mode } = open();
    press('/');
    type('ab');
    expect(slice('notes')).toMatchObject({ list: { filter: 'ab' } });
    press('enter', '/');
    type('c');
    expect(slice('notes')).toMatchObject({ list: { filter: 'abc' } });
    press('esc');
    expect(slice('notes')).toMatchObject({ list: { filter: 'ab' } });
    expect(mode().name).toBe('browse');
  });

  test('Esc takes back exactly one thing at a time, the zoom last, and then nothing', () => {
    const { press, type, slice, screen, store } = open();
    press('z', ' ', '/');
    type('t');
    press('enter');
    // Enter writes in this feature.
    changeSlice(store, 'notes', (notes) => changeList(notes as Notes, { details: 'full' }));
    const look = (): unknown => {
      const { details, filter, marks } = (slice('notes') as Notes).list;
      return [details, filter, marks.length, screen().isZoomed];
    };
    const looks = [look()];
    for (let time = 0; time < 6; time += 1) {
      press('esc');
      looks.push(look());
    }
    expect(looks).toEqual([
      ['full', 't', 1, true],
      ['open', 't', 1, true],
      ['closed', 't', 1, true],
      ['closed', '', 1, true],
      ['closed', '', 0, true],
      ['closed', '', 0, false],
      ['closed', '', 0, false],
    ]);
  });

  test('rows keep their places for a while after a cursor key', () => {
    vi.useFakeTimers();
    const { press, slice } = open();
    press('j');
    expect(slice('notes')).toMatchObject({ list: { held: ['one', 'two', 'three'] } });
    vi.advanceTimersByTime(2000);
    press('j');
    vi.advanceTimersByTime(2000);
    expect(slice('notes')).toMatchObject({ list: { held: ['one', 'two', 'three'] } });
    vi.advanceTimersByTime(1500);
    expect(slice('notes')).toMatchObject({ list: { held: undefined } });
    vi.useRealTimers();
  });

  test('order by columns, reversed, and marks', () => {
    const { press, slice } = open();
    press('>', '>');
    expect(slice('notes')).toMatchObject({ list: { order: { field: 'length', isDescending: true } } });
    press('o');
    expect(slice('notes')).toMatchObject({ list: { order: { isDescending: false } } });
    press('<', '<', '*');
    expect(slice('notes')).toMatchObject({ list: { order: undefined, marks: ['one', 'two', 'three'] } });
  });

  test('a key that does nothing reports it', () => {
    const { press, status } = open();
    press('f5');
    expect(status()).toBe('f5 does nothing here; ? shows keys');
  });
});

describe('what takes something away asks first', () => {
  const asking = async (options: Parameters<typeof makeFeature>[0] = {}) => {
    const ran: [verb: string, input: unknown][] = [];
    const shell = makeShell([
      makeFeature({ ran: (verb, input) => void ran.push([verb, input]), ...options }),
    ]);
    const isAsked = () => vi.waitFor(() => expect(shell.mode().name).toBe('confirm'));
    return { ...shell, ran, isAsked };
  };

  test('the same from a key and the palette', async () => {
    const { press, type, pass, mode, ran, isAsked, status } = await asking();
    press('x');
    await isAsked();
    const fromKey = mode();
    expect(fromKey).toMatchObject({ asked: { question: 'Wipe one, there?', name: 'one' } });
    press('esc');
    expect(status()).toBe('Not confirmed; nothing was done');
    press(':');
    type('notes wipe one');
    press('enter');
    await isAsked();
    expect(mode()).toEqual(fromKey);
    pass(200);
    press('y');
    await vi.waitFor(() => expect(ran).toEqual([['wipe', { name: 'one' }]]));
  });

  test('any key but y, n and Esc does nothing', async () => {
    const { press, type, pass, mode, ran, isAsked, slice, screen } = await asking();
    press('x');
    await isAsked();
    pass(1000);
    type('mailzq?:/j1');
    press('enter', 'tab', 'down', 'ctrl+l', 'pageup');
    expect(mode().name).toBe('confirm');
    expect(slice('notes')).toMatchObject({ list: { selected: undefined, filter: '' } });
    expect(screen()).toMatchObject({ isZoomed: false, focus: 'notes' });
    press('n');
    expect(mode().name).toBe('browse');
    expect(ran).toEqual([]);
  });

  test('what was typed before it could be read is no answer, and no keys of the pane either', async () => {
    const { press, type, mode, ran, isAsked, slice } = await asking();
    press('x', 'y', 'j', 'j');
    type('yyy');
    await isAsked();
    press('y');
    expect(mode().name).toBe('confirm');
    expect(slice('notes')).toMatchObject({ list: { selected: undefined } });
    expect(ran).toEqual([]);
  });

  test('a y in the middle of other typing is no answer', async () => {
    const { press, pass, mode, ran, isAsked, status } = await asking();
    press('x');
    await isAsked();
    pass(1000);
    press('m', 'y');
    expect(status()).toBe('That y came with other keys; press y again for yes');
    expect(mode().name).toBe('confirm');
    pass(400);
    press('y');
    await vi.waitFor(() => expect(ran).toHaveLength(1));
  });

  test('keys typed behind a line that asks nothing are heard once that is known', async () => {
    const { press, type, ran, slice } = await asking();
    press(':');
    type('notes say hello');
    press('enter', 'j', 'j');
    await vi.waitFor(() => expect(slice('notes')).toMatchObject({ list: { selected: 'three' } }));
    await vi.waitFor(() => expect(ran).toEqual([['say', { text: ['hello'], loud: false }]]));
  });

  test('what changed while the question stood is not done, and how it is now is shown', async () => {
    let state = 'held by a';
    const { press, pass, ran, isAsked, status } = await asking({ stateOf: () => state });
    press('x');
    await isAsked();
    pass(200);
    state = 'held by b';
    press('y');
    await vi.waitFor(() =>
      expect(status()).toBe(
        'Not done: one has changed since the question: held by b. Look again, and ask again if it is still meant',
      ),
    );
    expect(ran).toEqual([]);
  });

  test('the question stays about what it names when the selection moves on', async () => {
    const { press, pass, ran, isAsked, store } = await asking();
    press('x');
    await isAsked();
    store.setState({ slices: { notes: { rows: ['other', 'one'], list: initialList } } });
    pass(200);
    press('y');
    await vi.waitFor(() => expect(ran).toEqual([['wipe', { name: 'one' }]]));
  });

  test('Esc leaves what has not come to its question yet', async () => {
    let answer = (): void => {};
    const feature = makeFeature();
    const wipe = feature.commands.find(({ verb }) => verb === 'wipe');
    const hanging = new Promise<undefined>((resolve) => {
      answer = () => resolve(undefined);
    });
    const commands = feature.commands.map((one) =>
      one === wipe ? { ...one, guard: { loses: true, look: () => hanging } } : one,
    );
    const { press, mode, status, slice } = makeShell([{ ...feature, commands }]);
    press('x', 'esc');
    expect(status()).toBe('Left before it was asked; nothing was done');
    press('j');
    expect(slice('notes')).toMatchObject({ list: { selected: 'two' } });
    answer();
    await hanging;
    expect(mode().name).toBe('browse');
  });

  test('a refusal says why', () => {
    const { press, type, mode, status } = open();
    press('/');
    type('nothing like it');
    press('enter', 'x');
    expect(status()).toBe('Nothing is selected');
    expect(mode().name).toBe('browse');
  });
});

test('keys typed behind a refused question are not taken for keys of the pane', () => {
  const { press, slice, status, mode } = open({ config: { readOnly: true } });
  press('i', 'j', 'j', 'enter');
  expect(status()).toContain('this session is read-only');
  expect(slice('notes')).toMatchObject({ list: { selected: undefined } });
  expect(mode().name).toBe('browse');
});

test('a paste goes where something is being typed, and nowhere else', () => {
  const { keyboard, press, mode, status, ran } = open();
  keyboard.paste('xx\r');
  expect(status()).toContain('pasted text was left out');
  press('i');
  keyboard.paste('one two\n');
  expect(mode()).toMatchObject({ line: { text: 'one two' } });
  keyboard.paste('three\nfour');
  expect(status()).toBe('Not put in: it has 2 lines, and this takes one');
  expect(mode()).toMatchObject({ line: { text: 'one two' } });
  expect(ran).toEqual([]);
});

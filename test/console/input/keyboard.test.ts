import { describe, expect, test, vi } from 'vitest';
import { makeFeature } from '../../helpers/feature.ts';
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
    press(...Array.from('jjjjk'), 'down');
    expect(slice('notes')).toMatchObject({ selected: 4 });
    expect(slice('other')).toMatchObject({ selected: 0 });
  });

  test('quit, suspend and redraw are asked of the deck', () => {
    const { press, told } = open();
    press('ctrl+l', 'ctrl+z', 'q', 'ctrl+c');
    expect(told).toEqual(['redraw', 'suspend', 'quit', 'quit']);
  });

  test('suspend and redraw work while something is typed, and leave it', () => {
    const { press, type, told, mode } = open();
    press('i');
    type('half');
    press('ctrl+z', 'ctrl+l');
    expect(told).toEqual(['suspend', 'redraw']);
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
});

describe('a sticky question', () => {
  test('runs its command with what was typed, and asks again', async () => {
    const { press, type, mode, ran, status, told } = open();
    press('i');
    type('hello there');
    press('enter');
    expect(mode()).toMatchObject({ name: 'ask', line: { text: '' } });
    await vi.waitFor(() => expect(status()).toBe('Said hello there'));
    expect(ran).toEqual([['say', { text: ['hello there'], loud: false }]]);
    expect(told).toEqual(['refresh notes']);
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

test('a filter follows the typing, Enter keeps it, Escape brings the old one back', () => {
  const { press, type, slice } = open();
  press('/');
  type('ab');
  expect(slice('notes')).toMatchObject({ filter: 'ab' });
  press('enter', '/');
  type('c');
  expect(slice('notes')).toMatchObject({ filter: 'abc' });
  press('esc');
  expect(slice('notes')).toMatchObject({ filter: 'ab' });
});

describe('what destroys asks first', () => {
  test('the word has to be typed', async () => {
    const { press, type, mode, ran, status } = open();
    press('x');
    expect(mode()).toMatchObject({ name: 'confirm', question: 'Wipe one?', word: 'wipe' });
    type('nope');
    press('enter');
    expect(status()).toBe('Not confirmed; nothing was done');
    press('x');
    type('wipe');
    press('enter');
    await vi.waitFor(() => expect(status()).toBe('Wiped one'));
    expect(ran).toEqual([['wipe', { name: 'one' }]]);
  });

  test('a refusal says why', () => {
    const { press, mode, status } = open();
    press('j', 'j', 'j', 'x');
    expect(status()).toBe('Nothing is selected');
    expect(mode().name).toBe('browse');
  });

  test('a command of the palette is answered with y', async () => {
    const { press, type, mode, ran } = open();
    press(':');
    type('notes wipe two');
    press('enter');
    await vi.waitFor(() => expect(mode()).toMatchObject({ name: 'confirm', question: 'Wipe two' }));
    press('y');
    await vi.waitFor(() => expect(ran).toEqual([['wipe', { name: 'two' }]]));
  });
});

test('keys typed behind a refused question are not taken for keys of the pane', () => {
  const { press, slice, status, mode } = open({ config: { readOnly: true } });
  press('i', 'j', 'j', 'enter');
  expect(status()).toContain('this session is read-only');
  expect(slice('notes')).toMatchObject({ selected: 0 });
  expect(mode().name).toBe('browse');
});

test('a paste goes where something is being typed, and nowhere else', () => {
  const { keyboard, press, mode, status, ran } = open();
  keyboard.paste('xx\r');
  expect(status()).toContain('pasted text was left out');
  press('i');
  keyboard.paste('one\ntwo\n');
  expect(mode()).toMatchObject({ line: { text: 'one two' } });
  expect(ran).toEqual([]);
});

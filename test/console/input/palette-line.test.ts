import { describe, expect, test, vi } from 'vitest';
import { makeFeature } from '../../helpers/feature.ts';
import { makeShell } from '../../helpers/shell.ts';

const open = () => makeShell([makeFeature(), makeFeature({ noun: 'other' })]);

test('Tab completes what is chosen, word by word', () => {
  const { press, type, mode } = open();
  press(':');
  type('no');
  press('tab');
  expect(mode()).toMatchObject({ line: { text: 'notes ' } });
  press('down', 'tab');
  expect(mode()).toMatchObject({ line: { text: 'notes list ' } });
});

test('a mistake is reported as the shell reports it', async () => {
  const { press, type, status } = open();
  press(':');
  type('notes say');
  press('enter');
  await vi.waitFor(() => expect(status()).toMatch(/^Missing TEXT\. Usage: /));
  press(':');
  type(`notes say ${'x'.repeat(30)}`);
  press('enter');
  await vi.waitFor(() => expect(status()).toContain('Expected at most 20 characters'));
  press(':');
  type('notes say "open');
  press('enter');
  await vi.waitFor(() => expect(status()).toBe('A quote is not closed'));
  press(':');
  type('notes say hi --url redis://elsewhere');
  press('enter');
  await vi.waitFor(() => expect(status()).toContain('`--url` is set when the console starts'));
});

test('what is printed gets a view, harmless line by line', async () => {
  const { press, type, mode } = open();
  press(':');
  type('notes list');
  press('enter');
  await vi.waitFor(() =>
    expect(mode()).toMatchObject({
      name: 'output',
      title: 'notes list',
      lines: ['first line', 'second ␛[31mline'],
      isRunning: false,
    }),
  );
  press('esc');
  expect(mode().name).toBe('browse');
});

describe('what takes long', () => {
  const openSlow = () => {
    const slow = Promise.withResolvers<void>();
    const shell = makeShell([makeFeature({ ran: () => slow.promise })]);
    shell.press(':');
    shell.type('notes list');
    shell.press('enter');
    return { ...shell, done: slow.resolve };
  };

  test('has a view before it prints, and leaving that stops it', async () => {
    const { mode, press, done, calls } = openSlow();
    await vi.waitFor(() => expect(mode()).toMatchObject({ name: 'output', lines: [], isRunning: true }));
    press('esc');
    done();
    await vi.waitFor(() => expect(calls).toEqual(['refresh notes']));
    expect(mode().name).toBe('browse');
  });

  test('does not take the keyboard from somebody who types', async () => {
    const { mode, press, type, done, calls } = openSlow();
    await vi.waitFor(() => expect(mode().name).toBe('browse'));
    press('i');
    type('half');
    done();
    await vi.waitFor(() => expect(calls).toEqual(['refresh notes']));
    expect(mode()).toMatchObject({ name: 'ask', line: { text: 'half' } });
    press('esc');
    await vi.waitFor(() => expect(mode()).toMatchObject({ name: 'output', title: 'notes list' }));
  });

  test('the view goes again when there was nothing to show in it', async () => {
    const fails = Promise.withResolvers<void>();
    const { press, type, mode, status } = makeShell([makeFeature({ ran: () => fails.promise })]);
    press(':');
    type('notes say hi');
    press('enter');
    await vi.waitFor(() => expect(mode().name).toBe('output'));
    fails.reject(new Error('Too late'));
    await vi.waitFor(() => expect(status()).toBe('Too late'));
    expect(mode().name).toBe('browse');
  });
});

test('backspace on an empty line leaves', () => {
  const { press, mode } = open();
  press(':', 'a', 'backspace');
  expect(mode().name).toBe('palette');
  press('backspace');
  expect(mode().name).toBe('browse');
});

describe('the picker', () => {
  const withNames = () =>
    makeShell(
      [
        { ...makeFeature(), names: Object.fromEntries([['TEXT', () => ['worst', 'two words', 'last']]]) },
        makeFeature({ noun: 'other' }),
      ],
      {
        config: { aliases: { stuck: 'notes say', away: 'other' } },
      },
    );
  const offered = (mode: unknown): unknown => Object(mode).offers?.map(({ word }: { word: string }) => word);

  test('offers names that are there, in quotes where they need them', () => {
    const { press, type, mode } = withNames();
    press(':');
    type('notes say ');
    expect(offered(mode())).toEqual(['worst', "'two words'", 'last']);
    type('t');
    expect(offered(mode())).toEqual(["'two words'", 'worst', 'last']);
    press('tab');
    expect(mode()).toMatchObject({ line: { text: "notes say 'two words' " } });
  });

  test('finds a command by its letters, or by what it does, and runs nothing that was not seen', async () => {
    const { press, type, mode, screen } = withNames();
    press(':');
    type('nsl');
    expect(offered(mode())).toContain('notes list');
    press('enter');
    expect(mode()).toMatchObject({ name: 'palette', line: { text: 'notes list ' } });
    press('enter');
    await vi.waitFor(() => expect(screen().mode.name).toBe('output'));
  });

  test('finds a key by what it does, and presses it', () => {
    const { press, type, mode, screen } = withNames();
    press(':');
    type('zoom');
    expect(offered(mode())).toEqual(['z', 'Esc']);
    press('enter');
    expect(screen()).toMatchObject({ isZoomed: true, mode: { name: 'browse' } });
  });

  test('knows the words of the config, and goes to panes', async () => {
    const { press, type, mode, screen, status, calls } = withNames();
    press(':');
    type('stu');
    expect(mode()).toMatchObject({ offers: [{ word: 'stuck', summary: 'notes say' }] });
    type('ck');
    press('enter');
    await vi.waitFor(() => expect(status()).toMatch(/^Missing TEXT/));
    press(':');
    type('away');
    press('enter');
    expect(screen().focus).toBe('other');
    press(':');
    type('notes /ab');
    press('enter');
    expect(screen().focus).toBe('notes');
    press(':');
    type('q');
    press('enter');
    expect(calls).toContain('quit');
  });

  test('brings back lines of before, the newest first, by any letters of them', async () => {
    const { press, type, mode } = withNames();
    for (const line of ['notes say one', 'notes list', 'notes say two']) {
      press(':');
      type(line);
      press('enter');
      await vi.waitFor(() => expect(mode().name).not.toBe('palette'));
      press('esc');
    }
    press(':', 'ctrl+r');
    expect(offered(mode())).toEqual(['notes say two', 'notes list', 'notes say one']);
    type('say');
    expect(offered(mode())).toEqual(['notes say two', 'notes say one']);
    press('down', 'tab');
    expect(mode()).toMatchObject({ line: { text: 'notes say one' }, isHistory: false });
  });
});

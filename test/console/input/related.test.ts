import { expect, test } from 'vitest';
import { type AnyFeature, features as allFeatures } from '../../../source/features/index.ts';
import { chosenRow, type Listed } from '../../../source/ui/list.ts';
import { filledSlices, nowMs } from '../../helpers/filled-console.tsx';
import { makeShell } from '../../helpers/shell.ts';

const features = await Promise.all(Object.values(allFeatures).map((load) => load()));

function open() {
  const shell = makeShell(features);
  shell.store.setState({ slices: filledSlices });
  const things = (): readonly string[] => {
    const mode = shell.mode();
    return mode.name === 'related' ? mode.things.map(({ noun, name }) => `${noun} ${name}`) : [];
  };
  const chosen = (noun: string): string | undefined => {
    const { list } = features.find((one) => one.noun === noun) as AnyFeature;
    const row = chosenRow(list, shell.slice(noun) as Listed, nowMs);
    return row === undefined ? undefined : list.name(row);
  };
  return { ...shell, things, chosen };
}

test('of a lock: what says its name; of a message: what it names, and back', () => {
  const { press, things, screen, chosen, status, mode } = open();
  press('6', 'down');
  expect(chosen('lock')).toBe('deploy:web');
  press('r');
  expect(things()).toEqual(['chat message 4']);
  press('enter');
  expect(screen().focus).toBe('chat');
  expect(chosen('chat')).toBe('message 4');
  expect(status()).toBe('message 4; Ctrl+O goes back to deploy:web');
  press('r');
  expect(things()).toEqual(['lock deploy:web']);
  press('esc');
  expect(mode()).toEqual({ name: 'browse' });
  press('ctrl+o');
  expect(screen().focus).toBe('lock');
  expect(chosen('lock')).toBe('deploy:web');
  press('ctrl+o');
  expect(status()).toBe('There is no jump to go back from');
});

test('of a lock: other locks of who holds it; of a consumer: the parts that wait for it', () => {
  const { press, things, chosen } = open();
  press('6', 'G');
  expect(chosen('lock')).toBe('reindex');
  press('r');
  // worker-3:81 holds both.
  expect(things()).toEqual(['lock job:3']);
  press('enter');
  expect(chosen('lock')).toBe('job:3');
  press('2', 'g', 'r');
  expect(things()).toEqual([
    'ship nginx/access.log.1~117',
    'ship nginx/access.log.1~118',
    'ship app/worker.log~1.gz',
    'ship nginx/access.log.1~119',
  ]);
  press('down', 'enter');
  expect(chosen('ship')).toBe('nginx/access.log.1~118');
});

test('of a subscriber: its log, which is then shown', () => {
  const { press, things, screen, chosen, slice } = open();
  press('7');
  expect(chosen('topic')).toBe('orders/audit');
  press('r');
  expect(things()).toContain('log audit:error');
  press('enter');
  expect(screen().focus).toBe('log');
  expect(slice('log')).toMatchObject({ selected: { name: 'audit', severity: 'error' } });
  press('ctrl+o');
  expect(chosen('topic')).toBe('orders/audit');
});

test('where nothing has to do with a row that is shown, and so is a pane without rows', () => {
  const { press, status, mode, store } = open();
  press('4', 'G', 'r');
  expect(status()).toMatch(/^Nothing that is known here has to do with ip:/);
  expect(mode().name).toBe('browse');
  store.setState({ slices: { ...filledSlices, lock: features[5]?.initial({} as never) } });
  press('6', 'r');
  expect(status()).toBe('Nothing is chosen here');
});

import { counted } from '../../../ui/format.ts';
import { type Preserved, preservable, type Rsync } from './execute.ts';
import { differences } from './rsync.ts';

const words: Readonly<Record<Preserved, (number: number) => string>> = {
  hardlinks: (number) => counted(number, 'hard link'),
  acls: (number) => `access control lists of ${counted(number, 'file')}`,
  xattrs: (number) => `extended attributes of ${counted(number, 'file')}`,
};

/**
 * What of the base a target has lost after a comparison that did not preserve everything, in words; empty where nothing
 * is. rsync itself reports it, by a dry run that would preserve it.
 * @throws {RsyncError} also where one side cannot preserve them, so that nobody knows
 */
export async function lost(rsync: Rsync): Promise<string> {
  const { preserve = [] } = rsync;
  if (preservable.every((each) => preserve.includes(each))) return '';
  const { entries } = await differences({ ...rsync, preserve: preservable }, [], undefined);
  const numbers: Record<Preserved, number> = {
    hardlinks: entries.filter(({ itemised }) => itemised.startsWith('h')).length,
    acls: entries.filter(({ itemised }) => itemised[9] === 'a').length,
    xattrs: entries.filter(({ itemised }) => itemised[10] === 'x').length,
  };
  return preservable
    .filter((each) => !preserve.includes(each) && numbers[each] > 0)
    .map((each) => words[each](numbers[each]))
    .join(', ');
}

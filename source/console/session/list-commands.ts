import * as v from 'valibot';
import type { AnyCommand } from '../../commands/run-command.ts';
import { UsageError } from '../../errors.ts';
import { defineCommand, optionalWord } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { didYouMean } from '../../nearest.ts';
import { changeSlice, type Store } from '../../store/store.ts';
import { changeList, type Listed, orderBy, release } from '../../ui/list.ts';

const directions = ['asc', 'desc'] as const;

/** `:sort`, which does by name what `<`, `>` and `o` do one column at a time. */
export function listCommands({
  store,
  features,
}: {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
}): Readonly<Record<string, AnyCommand>> {
  const sort = defineCommand({
    verb: 'sort',
    summary: 'order the focused pane by a column, numbers from the largest; without one as at first',
    words: {
      column: optionalWord('COLUMN', 'a column or field of the pane', v.string()),
      direction: optionalWord(
        'DIRECTION',
        'asc or desc',
        v.picklist(directions, `Expected one of ${directions.join(', ')}`),
      ),
    },
    writes: false,
    offline: true,
    async run(_, { column, direction }) {
      const feature = features.find(({ noun }) => noun === store.getState().screen.focus);
      if (!feature) throw new UsageError('No pane has the focus');
      const { noun, list } = feature;
      const change = (next: (slice: Listed) => Listed): void =>
        // The console knows of every slice that it has a list.
        changeSlice(store, noun, (slice) => next(slice as Listed));
      const own = list.order ?? 'need';
      if (list.followsEnd) throw new UsageError(`${noun} is in the order it came`);
      if (column === undefined || (column === own && !Object.hasOwn(list.fields, column))) {
        change((slice) => release(changeList(slice, { order: undefined })));
        return { text: `${noun} by ${own}` };
      }
      if (!Object.hasOwn(list.fields, column)) {
        const known = Object.keys(list.fields);
        throw new UsageError(`${noun} has no column \`${column}\``, {
          hint: `${didYouMean(column, known)}It has ${known.join(', ')}`,
        });
      }
      change((slice) => {
        const ordered = orderBy(list, slice, column, Date.now());
        if (direction === undefined) return ordered;
        return changeList(ordered, { order: { field: column, isDescending: direction === 'desc' } });
      });
      const { order } = (store.getState().slices[noun] as Listed).list;
      return { text: `${noun} by ${column} ${order?.isDescending ? 'desc' : 'asc'}` };
    },
  });
  return { sort };
}

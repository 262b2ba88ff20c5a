import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, type Mode, type Store } from '../../store/store.ts';
import { chosenRow, type Listed } from '../../ui/list.ts';
import { pastRefusal } from './command-runner.ts';
import type { Jumps } from './jumps.ts';
import { relatedTo } from './related.ts';
import { stepped } from './stepped.ts';

/** `r`: what has to do with the chosen row, and the way there. */
export type RelatedControl = {
  open(feature: AnyFeature): void;
  press(key: string, now: RelatedMode): void;
};

export type RelatedMode = Extract<Mode, { name: 'related' }>;

export type RelatedOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly jumps: Jumps;
};

export function makeRelated({ store, features, jumps }: RelatedOptions): RelatedControl {
  const setMode = (mode: Mode): void => changeScreen(store, { mode });
  const tell = (text: string, tone: 'info' | 'bad' = 'info'): void =>
    changeScreen(store, { status: { text, tone } });

  return {
    open(feature) {
      const { noun, list } = feature;
      const state = store.getState();
      const row: unknown = chosenRow(list, state.slices[noun] as Listed, Date.now());
      if (row === undefined) {
        tell('Nothing is chosen here', 'bad');
        return;
      }
      const things = relatedTo(state, features, feature, row);
      if (things.length === 0) {
        tell(`Nothing that is known here has to do with ${list.name(row)}`);
        return;
      }
      setMode({ name: 'related', of: list.name(row), things, choice: 0 });
    },
    press(key, now) {
      const to = stepped(now.choice, key, now.things.length);
      if (key === 'esc' || key === 'q' || key === 'r' || key === 'ctrl+c') setMode({ name: 'browse' });
      else if (to !== undefined) setMode({ ...now, choice: to });
      else if (key === 'enter') {
        const thing = now.things[now.choice];
        const feature = features.find(({ noun }) => noun === thing?.noun);
        if (!thing || !feature) return;
        const { noun, row, place } = thing;
        const { places } = feature;
        const past = place === undefined ? undefined : pastRefusal(store.getState().past);
        if (past !== undefined) {
          // What another place would show was not read then.
          tell(past, 'bad');
          return;
        }
        setMode({ name: 'browse' });
        jumps.go({
          noun,
          row,
          ...(places && place !== undefined && { show: (slice) => places.show(slice, place) }),
        });
        tell(`${thing.name}; ${backLabel} goes back to ${now.of}`);
      } else tell(`${key} does nothing here; Esc goes back`, 'bad');
    },
  };
}

const backLabel = 'Ctrl+O';

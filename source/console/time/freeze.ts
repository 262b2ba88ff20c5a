import type { AnyFeature } from '../../features/index.ts';
import type { SeenStore } from '../../store/seen-store.ts';
import { changeScreen, type State } from '../../store/store.ts';
import { zonedClockSeconds } from '../../ui/times.ts';
import { globalKey } from '../input/keymap.ts';
import { timeKey } from '../input/time-keys.ts';
import type { Course } from './course.ts';
import { makeTravel, withLists } from './time-control.ts';

/** What the keys of time do, in a console that can be frozen or in a replay. */
export type TimeControl = {
  /** Takes the key if it is one of time. */
  press(key: string): boolean;
  /** Esc, when nothing else is left that it could take back; returns whether there was something. */
  back(): boolean;
};

export type FreezeOptions = {
  readonly stores: SeenStore;
  /** What is so now. */
  readonly live: {
    getState(): State;
    subscribe(listener: (state: State, before: State) => void): () => void;
  };
  readonly features: readonly AnyFeature[];
  readonly course: Course;
  readonly initial: State['slices'];
};

/**
 * Freezes what is shown, and steps back through what was known. The engine goes on learning: what needs a human now
 * stays in line 2, and with `t` everything is as it is now.
 */
export function makeFreeze({ stores, live, features, course, initial }: FreezeOptions): TimeControl {
  const { seen } = stores;
  const travel = makeTravel({ store: seen, features, course, initial });
  let stopNeeds = (): void => {};
  const tell = (text: string, tone: 'info' | 'bad' = 'info'): void =>
    changeScreen(seen, { status: { text, tone } });

  const freeze = (): void => {
    stores.part();
    const nowMs = Date.now();
    seen.setState(({ screen, needs }) => ({
      past: { kind: 'frozen', atMs: nowMs, nowMs, needsNow: needs, speed: undefined },
      screen: { ...screen, nowMs },
    }));
    stopNeeds = live.subscribe(({ needs }, before) => {
      if (needs === before.needs) return;
      seen.setState(({ past }) => ({ past: past && { ...past, needsNow: needs } }));
    });
    tell('Frozen; ← → go through time, Shift by a minute, [ ] by needs; t returns to now');
  };
  const thaw = (): void => {
    stopNeeds();
    stores.join((now, shown) => ({
      ...now,
      past: undefined,
      slices: withLists(now.slices, shown.slices),
      screen: { ...shown.screen, nowMs: Date.now(), status: { text: 'This is now again', tone: 'info' } },
    }));
  };
  return {
    press(key) {
      const isFrozen = seen.getState().past !== undefined;
      if (globalKey(key) === 'freeze') {
        if (isFrozen) thaw();
        else freeze();
        return true;
      }
      const name = isFrozen ? timeKey(key) : undefined;
      if (name === undefined) return false;
      const place = travel.placeFor(name);
      if (place !== undefined && travel.show(place, {})) return true;
      const [oldest] = course.moments();
      const reach = oldest ? `; the oldest reading is of ${zonedClockSeconds(oldest.atMs)}` : '';
      if (place === undefined) tell(`There is no reading that way${reach}`);
      return true;
    },
    back() {
      if (!seen.getState().past) return false;
      thaw();
      return true;
    },
  };
}

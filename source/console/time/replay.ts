import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, type State, type Store } from '../../store/store.ts';
import { replayKey, timeKey } from '../input/time-keys.ts';
import { type Course, placeAt } from './course.ts';
import type { TimeControl } from './freeze.ts';
import { makeTravel } from './time-control.ts';

export type Replay = TimeControl & {
  /** Shows the first reading, and goes on from there. */
  begin(): void;
  stop(): void;
};

export type ReplayOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly course: Course;
  readonly initial: State['slices'];
  readonly speed: number;
};

const speeds = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const tickMs = 100;

/** Runs a recording as it was, faster or slower, or steps through it. */
export function makeReplay({ store, features, course, initial, speed: wanted }: ReplayOptions): Replay {
  const travel = makeTravel({ store, features, course, initial });
  let speed = wanted;
  let timer: NodeJS.Timeout | undefined;
  /** The moment of the recording that is now, and when that was looked at. */
  let virtualMs = 0;
  let lookedAtMs = 0;
  let place = 0;

  const mark = (isRunning: boolean): void =>
    store.setState(({ past }) => ({ past: past && { ...past, speed: isRunning ? speed : undefined } }));
  const show = (next: number): boolean => {
    if (!travel.show(next, { kind: 'replay' })) return false;
    place = next;
    virtualMs = course.moments()[next]?.atMs ?? virtualMs;
    return true;
  };
  const pause = (): void => {
    clearInterval(timer);
    timer = undefined;
    mark(false);
  };
  const tick = (): void => {
    const nowMs = performance.now();
    virtualMs += (nowMs - lookedAtMs) * speed;
    lookedAtMs = nowMs;
    const moments = course.moments();
    const due = placeAt(moments, virtualMs);
    const goesOnAtMs = virtualMs;
    if (due > place && show(due)) virtualMs = goesOnAtMs;
    if (due >= moments.length - 1) {
      pause();
      changeScreen(store, { status: { text: 'The recording ends here; t begins anew', tone: 'info' } });
      return;
    }
    // What the clock moves goes on between two readings.
    const { past, screen } = store.getState();
    if (past && virtualMs - screen.nowMs >= 1000) {
      store.setState({ past: { ...past, atMs: virtualMs } });
      changeScreen(store, { nowMs: virtualMs });
    }
  };
  const run = (): void => {
    lookedAtMs = performance.now();
    timer ??= setInterval(tick, tickMs);
    mark(true);
  };
  const change = (by: 1 | -1): void => {
    const next = by === 1 ? speeds.find((one) => one > speed) : speeds.findLast((one) => one < speed);
    speed = next ?? speed;
    if (timer) mark(true);
    changeScreen(store, { status: { text: `${speed} times as fast as it was`, tone: 'info' } });
  };

  return {
    begin() {
      show(0);
      run();
    },
    press(key) {
      const own = replayKey(key);
      if (own === 'pause') {
        if (timer) pause();
        else {
          if (place >= course.moments().length - 1) show(0);
          run();
        }
        return true;
      }
      if (own !== undefined) {
        change(own === 'faster' ? 1 : -1);
        return true;
      }
      const name = timeKey(key);
      if (name === undefined) return false;
      pause();
      const next = travel.placeFor(name);
      if (next !== undefined) show(next);
      else changeScreen(store, { status: { text: 'There is no reading that way', tone: 'info' } });
      return true;
    },
    back: () => false,
    stop: () => clearInterval(timer),
  };
}

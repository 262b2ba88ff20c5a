import { messageOf } from '../../errors.ts';
import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, marksOf, type Past, type State, type Store } from '../../store/store.ts';
import { formatCount } from '../../ui/format.ts';
import { arrange, type Listed } from '../../ui/list.ts';
import { sanitise } from '../../ui/text.ts';
import { zonedClockSeconds } from '../../ui/times.ts';
import type { TimeKey } from '../input/time-keys.ts';
import { type Course, placeAt, placeOfEvent } from './course.ts';
import type { Moment, Reading } from './reading.ts';

const minuteMs = 60_000;

/** Goes through a course in a store that nobody else writes; what it shows is checked with the features first. */
export type Travel = {
  /** @returns whether there was something to be shown */
  show(place: number, past: Partial<Past>): boolean;
  /** The place in the course for this key; undefined: it is none that moves, or there is nothing. */
  placeFor(key: TimeKey): number | undefined;
};

export type TravelOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly course: Course;
  /** What each feature shows for which there is nothing to be shown. */
  readonly initial: State['slices'];
};

export function makeTravel({ store, features, course, initial }: TravelOptions): Travel {
  const check = checkSlices(features, initial);
  const tell = (text: string, tone: 'info' | 'bad' = 'info'): void =>
    changeScreen(store, { status: { text, tone } });

  const readingAt = (moment: Moment): Reading | undefined => {
    try {
      return course.reading(moment);
    } catch (error) {
      tell(`That reading cannot be shown: ${messageOf(error)}`, 'bad');
    }
  };
  return {
    show(place, past) {
      const moments = course.moments();
      const moment = moments[place];
      const reading = moment && readingAt(moment);
      if (!moment || !reading) return false;
      const { slices, freshness } = check(reading);
      const { atMs, connection, server, ownCommandsPerSecond, needs } = reading;
      store.setState((state) => ({
        connection: { ...connection },
        server,
        ownCommandsPerSecond,
        freshness,
        needs,
        marks: marksOf(needs, state.marks),
        // How a list was looked at then is where a replay begins; from then on it is the operator's.
        slices: state.past ? withLists(slices, state.slices) : slices,
        past: {
          kind: 'frozen',
          nowMs: Date.now(),
          needsNow: undefined,
          speed: undefined,
          ...state.past,
          ...past,
          atMs,
        },
        screen: { ...state.screen, nowMs: atMs },
      }));
      const note = moment.note === undefined ? '' : `; noted: ${sanitise(moment.note)}`;
      const oldest = zonedClockSeconds(moments[0]?.atMs ?? atMs);
      tell(
        `reading ${formatCount(place + 1)} of ${formatCount(moments.length)}, the oldest of ${oldest}${note}`,
      );
      return true;
    },
    placeFor(key) {
      const moments = course.moments();
      const { past } = store.getState();
      const atMs = past?.atMs ?? Date.now();
      const here = placeAt(moments, atMs);
      // Frozen between two readings, the one before is the first step back.
      const isBetween = moments[here] !== undefined && moments[here].atMs < atMs;
      const places: Readonly<Partial<Record<TimeKey, number | undefined>>> = {
        back: isBetween ? here : here - 1,
        on: here + 1,
        backMinute: Math.max(0, placeAt(moments, atMs - minuteMs)),
        onMinute: Math.min(moments.length - 1, placeAt(moments, atMs + minuteMs)),
        oldest: 0,
        newest: moments.length - 1,
        previousEvent: placeOfEvent(moments, isBetween ? here + 1 : here, -1),
        nextEvent: placeOfEvent(moments, here, 1),
      };
      const place = places[key];
      return place !== undefined && moments[place] !== undefined ? place : undefined;
    },
  };
}

/** These slices, looked at as the operator looks at those: chosen, filtered and ordered alike. */
export function withLists(slices: State['slices'], looked: State['slices']): State['slices'] {
  return Object.fromEntries(
    Object.entries(slices).map(([noun, slice]) => {
      // The console knows of every slice that it has a list.
      const own = slice as Listed;
      const { list } = (looked[noun] ?? own) as Listed;
      return [noun, list === own.list ? own : { ...own, list: { ...list, held: undefined } }];
    }),
  );
}

/**
 * What each feature can show of a reading. A recording is a file that anybody may have written: what a feature cannot
 * make a list, a headline and needs of is not shown, and its pane says that it failed.
 */
function checkSlices(
  features: readonly AnyFeature[],
  initial: State['slices'],
): (reading: Reading) => Pick<Reading, 'slices' | 'freshness'> {
  const known = new WeakMap<object, string | undefined>();
  const problemOf = (feature: AnyFeature, slice: unknown, atMs: number): string | undefined => {
    try {
      const { list } = feature;
      // Its kind was looked at; what is in it, this finds out.
      for (const row of arrange(list, slice as Listed, atMs).rows) {
        for (const value of Object.values(list.fields)) value(row, atMs);
        if (typeof list.id(row) !== 'string' || typeof list.name(row) !== 'string')
          return 'a row has no name';
      }
      feature.headline(slice);
      feature.needs(slice, atMs);
      feature.isEmpty?.(slice);
      feature.ticks?.(slice);
      return;
    } catch (error) {
      return messageOf(error);
    }
  };
  const isOfKind = (one: unknown, model: unknown): boolean =>
    typeof one === 'object' && one !== null && typeof model === 'object' && model !== null
      ? Object.entries(model).every(
          ([field, value]) =>
            value === undefined ||
            value === null ||
            Array.isArray((one as Record<string, unknown>)[field]) === Array.isArray(value),
        )
      : false;

  return ({ slices, freshness, atMs }) => {
    const nextSlices: Record<string, unknown> = {};
    const nextFreshness: Record<string, Reading['freshness'][string]> = {};
    for (const feature of features) {
      const { noun } = feature;
      const slice = slices[noun];
      const model = initial[noun];
      nextFreshness[noun] = freshness[noun] ?? { name: 'waiting' };
      nextSlices[noun] = model;
      if (typeof slice !== 'object' || slice === null) continue;
      if (!known.has(slice)) {
        known.set(slice, isOfKind(slice, model) ? problemOf(feature, slice, atMs) : 'it has another shape');
      }
      const problem = known.get(slice);
      if (problem === undefined) nextSlices[noun] = slice;
      else
        nextFreshness[noun] = {
          name: 'failed',
          error: `The recording holds nothing that can be shown here: ${problem}`,
        };
    }
    return { slices: nextSlices, freshness: nextFreshness };
  };
}

import { type Need, unreadable } from '../../need.ts';
import { counted, formatCount, formatShort } from '../../ui/format.ts';
import { keyOf, type Subscriber, type TopicSlice } from './state.ts';

export function needsOf({ topics, wrong, elsewhere }: TopicSlice): readonly Need[] {
  const rows = topics.flatMap(({ topic, layout, subscribers }) =>
    subscribers.flatMap((subscriber) => needsOfSubscriber(topic, layout, subscriber)),
  );
  return [...rows, ...elsewhere, ...wrong.map(unreadable)];
}

type Troubled = Pick<Subscriber, 'name' | 'condition' | 'lag' | 'missed' | 'aside'> & {
  readonly blocked?: Subscriber['blocked'] | null;
  readonly silentSinceMs?: number | undefined;
  readonly oldestAtMs?: number | undefined;
};

/** What is wrong with it, if anything. */
export function needsOfSubscriber(
  topic: string,
  layout: 'own' | 'seed',
  subscriber: Troubled,
): readonly Need[] {
  const { name, condition, lag, missed, blocked, aside, silentSinceMs, oldestAtMs } = subscriber;
  const about = { name: `${topic}/${name}`, row: keyOf(layout, topic, name) };
  const wait = `${formatCount(lag)} wait`;
  const since = silentSinceMs === 0 ? undefined : silentSinceMs;
  const conditions: Partial<Record<Subscriber['condition'], Need>> = {
    dead: { ...about, kind: 'dead', severity: 'bad', words: `DEAD, ${wait}`, figure: lag, sinceMs: since },
    blocked: {
      ...about,
      kind: 'blocked',
      severity: 'bad',
      words: `BLOCKED at ${blocked?.id ?? '?'}, ${wait}`,
      figure: lag,
    },
    overloaded: {
      ...about,
      kind: 'overloaded',
      severity: 'bad',
      words: `OVERLOADED, ${formatCount(lag)} behind`,
      figure: lag,
      sinceMs: oldestAtMs,
    },
    ...(missed > 0 && {
      lapsed: {
        ...about,
        kind: 'lapsed',
        severity: 'warn',
        words: `LAPSED, lost ${formatShort(missed)}`,
        figure: missed,
        sinceMs: since,
      },
    }),
  };
  const found = conditions[condition];
  const setAside: Need = {
    ...about,
    kind: 'aside',
    severity: 'warn',
    words: `${counted(aside, 'message')} set aside`,
    figure: aside,
  };
  return [...(found ? [found] : []), ...(aside > 0 ? [setAside] : [])];
}

import { type Need, unreadable } from '../../need.ts';
import { counted, formatCount, formatShort } from '../../ui/format.ts';
import { type Condition, severities } from './condition.ts';
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
  const figures: Partial<Record<Condition, Pick<Need, 'words' | 'figure' | 'sinceMs'>>> = {
    dead: { words: `DEAD, ${wait}`, figure: lag, sinceMs: since },
    blocked: { words: `BLOCKED at ${blocked?.id ?? '?'}, ${wait}`, figure: lag },
    overloaded: { words: `OVERLOADED, ${formatCount(lag)} behind`, figure: lag, sinceMs: oldestAtMs },
    ...(missed > 0 && {
      lapsed: { words: `LAPSED, lost ${formatShort(missed)}`, figure: missed, sinceMs: since },
    }),
  };
  const [severity, said] = [severities[condition], figures[condition]];
  const found: Need | undefined = severity && said && { ...about, kind: condition, severity, ...said };
  const setAside: Need = {
    ...about,
    kind: 'aside',
    severity: 'warn',
    words: `${counted(aside, 'message')} set aside`,
    figure: aside,
  };
  return [...(found ? [found] : []), ...(aside > 0 ? [setAside] : [])];
}

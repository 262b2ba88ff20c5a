import { counted, formatBytes, formatCount, formatShort } from '../../ui/format.ts';
import { fact, factOf, type Line } from '../../ui/line.ts';
import type { Span, Tone } from '../../ui/row.tsx';
import { currentTimes, shownBriefly, shownDay, shownDayTime } from '../../ui/times.ts';
import { type Condition, nobody } from './condition.ts';
import { type Line as Row, type Subscriber, type TopicSlice, total, trend } from './state.ts';

const tones: Readonly<Record<Condition, Tone>> = {
  live: 'text',
  idle: 'muted',
  overloaded: 'bad',
  'catching-up': 'warn',
  dead: 'bad',
  lapsed: 'warn',
  blocked: 'bad',
};

const arrows: Readonly<Record<number, string>> = { 1: ' ▲', 0: '', [-1]: ' ▼' };

/** The state in words, with what tells a dead subscriber from an overloaded one. */
export function stateOf(subscriber: Subscriber): Span {
  const { condition, missed, blocked } = subscriber;
  const lost = missed > 0 ? `, lost ${formatShort(missed)}` : '';
  const since = silentSince(subscriber);
  const words: Readonly<Record<Condition, string>> = {
    live: `live${lost}`,
    idle: `idle${lost}`,
    overloaded: `OVERLOADED${arrows[trend(subscriber)]}${lost}`,
    'catching-up': `catching-up ▼${lost}`,
    dead: `DEAD${since}${lost}`,
    lapsed: `LAPSED${since}${lost}`,
    blocked: `BLOCKED at ${blocked?.id ?? ''}`,
  };
  return { text: words[condition], tone: tones[condition] };
}

/** Today the time, else the day: neither ticks; an age does. */
function silentSince({ silentSinceMs, silentDays }: Subscriber): string {
  if (!silentSinceMs) return '';
  return ` ${silentDays === 0 || currentTimes() === 'age' ? shownBriefly(silentSinceMs) : shownDay(silentSinceMs)}`;
}

/** What all topics retain, and for whom longest. */
export function retainedOf(slice: TopicSlice): string {
  const kept = `retained messages ${formatShort(total(slice, 'retained'))}, ${formatBytes(total(slice, 'bytes'))}`;
  const silent = slice.topics.flatMap(({ subscribers }) =>
    subscribers.filter(({ keptUntilMs, condition }) => keptUntilMs !== undefined && condition === 'dead'),
  );
  const [worst] = silent.toSorted((a, b) => b.lag - a.lag);
  return worst?.keptUntilMs === undefined
    ? kept
    : `${kept}; kept for ${worst.name} until ${shownDay(worst.keptUntilMs)}`;
}

/** What there is to say about one subscriber beyond its row. */
export function aboutOf({ topic, subscriber }: Row): readonly Line[] {
  if (!subscriber) {
    return [{ spans: [`${topic.topic}: nobody is subscribed, the last id is ${formatCount(topic.lastId)}`] }];
  }
  const { name, position, owner, blocked, missed, aside, silentSinceMs, keptUntilMs } = subscriber;
  const by = owner === '' ? 'another program' : owner;
  const first = `${name}  done ${formatCount(position)} of ${formatCount(topic.lastId)}, ${
    silentSinceMs === undefined ? 'served' : 'last served'
  } by ${by}`;
  const more = [
    ...(blocked ? [`message ${blocked.id} failed ${blocked.attempts} times: ${blocked.error}`] : []),
    ...(missed > 0 ? [`${formatCount(missed)} removed unread`] : []),
    ...(aside > 0 ? [`${formatCount(aside)} set aside`] : []),
    ...(silentSinceMs ? [`silent since ${shownDayTime(silentSinceMs)}`] : []),
    ...(keptUntilMs === undefined ? [] : [`messages are kept for it until ${shownDay(keptUntilMs)}`]),
  ];
  return [{ spans: [first] }, ...(more.length === 0 ? [] : [{ spans: [`  ${more.join(', ')}`] }])];
}

/** Everything about it. */
export function detailsOf({ topic, subscriber }: Row, columns: number): readonly Line[] {
  const { lastId, retained, bytes } = topic;
  const kept = fact(
    'retained',
    `${counted(retained, 'message')}${bytes === null ? '' : `, ${formatBytes(bytes)}`}, up to id ${formatCount(lastId)}`,
  );
  if (!subscriber) return [fact('state', nobody), kept];
  const { condition, position, lag, missed, aside, owner, blocked, silentSinceMs, keptUntilMs } = subscriber;
  const silent =
    silentSinceMs === undefined
      ? []
      : [
          fact(
            'silent',
            silentSinceMs === 0 ? 'it was never heard of' : `since ${shownDayTime(silentSinceMs)}`,
          ),
        ];
  return [
    fact('state', condition),
    fact('done', `${formatCount(position)} of ${formatCount(lastId)}, ${formatCount(lag)} behind`),
    ...silent,
    fact(silentSinceMs === undefined ? 'served by' : 'last by', owner === '' ? 'another program' : owner),
    ...(blocked
      ? factOf('blocked', `message ${blocked.id} failed ${blocked.attempts} times: ${blocked.error}`, columns)
      : []),
    ...(missed > 0 ? [fact('missed', `${counted(missed, 'message')} removed before it read them`)] : []),
    ...(aside > 0 ? [fact('aside', `${counted(aside, 'message')} set aside`)] : []),
    ...(keptUntilMs === undefined ? [] : [fact('kept', `for it until ${shownDay(keptUntilMs)}`)]),
    kept,
  ];
}

import { atMost, type Need, unreadable } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { conditionOf, severities } from './condition.ts';
import { formatPeriod } from './period.ts';
import { idOf, type LimitSlice, type Meter } from './state.ts';

/** Of sentences, each on a page of the index. */
const mostUnknown = 20;

export function needsOf({ meters, elsewhere, moreFull, wrong }: LimitSlice): readonly Need[] {
  const others: Need = {
    kind: 'others',
    name: 'other limits',
    severity: 'warn',
    words: `${formatCount(moreFull)} more are full`,
    figure: moreFull,
  };
  const unknown = [...new Set(Object.values(wrong).flat())].map(
    (words): Need => ({ ...unreadable(words), severity: 'warn' }),
  );
  return [
    ...[...meters, ...elsewhere].flatMap(needsOfMeter),
    ...(moreFull > 0 ? [others] : []),
    ...atMost(unknown, mostUnknown, 'limits that cannot be read'),
  ];
}

function needsOfMeter(meter: Meter): readonly Need[] {
  const { subject, used, limit, perMs, denied } = meter;
  const condition = conditionOf(meter);
  const severity = severities[condition];
  if (severity === undefined) return [];
  const name = `${subject} in ${formatPeriod(perMs)}`;
  const words = `${condition.toUpperCase()} ${formatCount(used)}/${formatCount(limit)}, ${denied === undefined ? '?' : formatCount(denied)} refused`;
  return [{ kind: condition, name, row: idOf(meter), severity, words, figure: denied }];
}

import type { Need } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { conditionOf, severities } from './condition.ts';
import { formatPeriod } from './period.ts';
import { idOf, type LimitSlice, type Meter } from './state.ts';

export function needsOf({ meters, elsewhere, moreFull, unread }: LimitSlice): readonly Need[] {
  const others: Need = {
    kind: 'others',
    name: 'other limits',
    severity: 'warn',
    words: `${formatCount(moreFull)} more are full`,
    figure: moreFull,
  };
  const [words] = [...unread.last, ...unread.elsewhere];
  const unknown: readonly Need[] =
    words === undefined ? [] : [{ kind: 'unreadable', name: 'limits', severity: 'warn', words }];
  return [...[...meters, ...elsewhere].flatMap(needsOfMeter), ...(moreFull > 0 ? [others] : []), ...unknown];
}

function needsOfMeter(meter: Meter): readonly Need[] {
  const { subject, used, limit, perMs, denied } = meter;
  const condition = conditionOf(meter);
  const severity = severities[condition];
  if (severity === undefined) return [];
  const name = `${subject} in ${formatPeriod(perMs)}`;
  const words = `${condition.toUpperCase()} ${formatCount(used)}/${formatCount(limit)}, ${formatCount(denied)} refused`;
  return [{ kind: condition, name, row: idOf(meter), severity, words, figure: denied }];
}

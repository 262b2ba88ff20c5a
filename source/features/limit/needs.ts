import type { Need } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { formatPeriod } from './period.ts';
import { idOf, isFull, type LimitSlice, type Meter } from './state.ts';

export function needsOf({ meters, elsewhere, moreFull }: LimitSlice): readonly Need[] {
  const others: Need = {
    kind: 'others',
    name: 'other limits',
    severity: 'warn',
    words: `${formatCount(moreFull)} more are full`,
    figure: moreFull,
  };
  return [...[...meters.filter(isFull), ...elsewhere].map(needOf), ...(moreFull > 0 ? [others] : [])];
}

function needOf(meter: Meter): Need {
  const { subject, used, limit, perMs, denied } = meter;
  return {
    kind: 'full',
    name: `${subject} in ${formatPeriod(perMs)}`,
    row: idOf(meter),
    severity: 'warn',
    words: `FULL ${formatCount(used)}/${formatCount(limit)}, ${formatCount(denied)} refused`,
    figure: denied,
  };
}

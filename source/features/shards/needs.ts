import type { Need } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { severities } from './condition.ts';
import { clusterSlots, type ShardsSlice, servedSlots, shortName } from './state.ts';

export function needsOf(slice: ShardsSlice): readonly Need[] {
  const { servers, orderMistake } = slice;
  const troubled = servers.flatMap(({ state, url }): readonly Need[] => {
    const severity = severities[state];
    const words = state.toUpperCase();
    return severity === undefined ? [] : [{ kind: state, name: shortName(url), row: url, severity, words }];
  });
  const order: Need[] =
    orderMistake === undefined
      ? []
      : [{ kind: 'order', name: 'servers', severity: 'bad', words: orderMistake }];
  const served = servedSlots(slice);
  const slots: Need[] =
    served === undefined || served === clusterSlots
      ? []
      : [
          {
            kind: 'slots',
            name: 'cluster',
            severity: 'bad',
            words: `${formatCount(served)} of ${formatCount(clusterSlots)} slots are served`,
            figure: clusterSlots - served,
          },
        ];
  return [...troubled, ...order, ...slots];
}

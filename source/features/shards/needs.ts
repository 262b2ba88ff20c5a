import type { Need } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { clusterSlots, isBroken, type ShardsSlice, servedSlots, shortName } from './state.ts';

export function needsOf(slice: ShardsSlice): readonly Need[] {
  const { servers, orderMistake } = slice;
  const troubled = servers
    .filter(({ state }) => state !== 'up')
    .map(
      (server): Need => ({
        kind: server.state,
        name: shortName(server.url),
        row: server.url,
        severity: isBroken(server) ? 'bad' : 'warn',
        words: server.state.toUpperCase(),
      }),
    );
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

import { type Need, unreadable } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { severityOf } from './condition.ts';
import { type LockSlice, stateOf } from './state.ts';

export function needsOf({ locks, moreEndless, wrong }: LockSlice): readonly Need[] {
  const endless = locks.flatMap((lock): readonly Need[] => {
    const { name, waiting, heldSinceMs } = lock;
    const severity = severityOf(stateOf(lock), waiting);
    if (severity === undefined) return [];
    const words = waiting > 0 ? `no TTL, ${waiting} ${waiting === 1 ? 'waits' : 'wait'}` : 'no TTL';
    return [{ kind: 'noTtl', name, row: name, severity, words, figure: waiting, sinceMs: heldSinceMs }];
  });
  const more: Need = {
    kind: 'noTtl',
    name: 'other locks',
    severity: 'bad',
    words: `${formatCount(moreEndless)} more have no TTL and somebody waiting`,
    figure: moreEndless,
  };
  return [...endless, ...(moreEndless > 0 ? [more] : []), ...wrong.map(unreadable)];
}

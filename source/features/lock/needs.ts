import { type Need, unreadable } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { type LockSlice, stateOf } from './state.ts';

export function needsOf({ locks, moreEndless, wrong }: LockSlice): readonly Need[] {
  const endless = locks
    .filter((lock) => stateOf(lock) === 'no TTL')
    .map(
      ({ name, waiting, heldSinceMs }): Need => ({
        kind: 'noTtl',
        name,
        row: name,
        // Nobody waits for it yet; whoever will, waits for ever.
        severity: waiting > 0 ? 'bad' : 'warn',
        words: waiting > 0 ? `no TTL, ${waiting} ${waiting === 1 ? 'waits' : 'wait'}` : 'no TTL',
        figure: waiting,
        sinceMs: heldSinceMs,
      }),
    );
  const more: Need = {
    kind: 'noTtl',
    name: 'other locks',
    severity: 'bad',
    words: `${formatCount(moreEndless)} more have no TTL and somebody waiting`,
    figure: moreEndless,
  };
  return [...endless, ...(moreEndless > 0 ? [more] : []), ...wrong.map(unreadable)];
}

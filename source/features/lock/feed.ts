import { Allowance, mostOfReading } from '../../redis/allowance.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { registeredPage } from '../../redis/registry.ts';
import { IndexRounds, Kept, sentencesOf } from '../../redis/round.ts';
import type { Feed } from '../feature.ts';
import { inspect, type Status, unreadableText } from './inspect.ts';
import { type LockSlice, learn } from './state.ts';
import { place } from './token.ts';

/** How many a reading shows, and how many more it looks at for the totals. In Cluster each costs a command of its own. */
const mostLocks = { standalone: 300, cluster: 8 };
const mostOfRound = { standalone: 660, cluster: 8 };
const mostWaiters = 20;
/** Of those in trouble that are not shown otherwise. */
const mostEndless = 100;

/** What a round through the whole index counts. */
type Totals = { held: number; waiting: number; readonly endless: Kept<string>; readonly wrong: Kept<string> };

const rounds = new IndexRounds<Totals>('lock', () => ({
  held: 0,
  waiting: 0,
  endless: new Kept(),
  wrong: new Kept(),
}));

/**
 * The names used last, and a look at them. Where the index holds more than are shown, each reading also looks at the
 * next part of it: so the totals and the trouble of all are known, some seconds old.
 */
export const feed: Feed<LockSlice> = {
  everyMs: 1000,
  isWhole: ({ known, looked, round }) => known !== undefined && (looked >= known || round !== undefined),
  progress: (redis) => rounds.progress(redis),
  async read({ redis }) {
    const kind = isCluster(redis) ? 'cluster' : 'standalone';
    const { names, total } = await registeredPage(redis, 'lock', mostLocks[kind]);
    const isMany = total > names.length;
    const round = rounds.of(redis);
    // What this reading's look finishes is shown by the next one, which has those in trouble as well.
    const last = round.last(total);
    const troubled = last?.endless.items ?? [];
    const wanted = new Set([...names, ...troubled.slice(0, mostEndless)]);
    const goOn = () => round.step(mostOfRound[kind], (some, totals) => count(redis, some, totals));
    const [{ locks, unreadable, rest }] = await Promise.all([
      inspect(redis, [...wanted], { most: mostWaiters, allowance: new Allowance(mostOfReading) }),
      isMany ? goOn() : undefined,
    ]);
    const left = new Set(rest);
    const looked = new Set([...wanted].filter((name) => !left.has(name)));
    const isAll = !isMany && rest.length === 0;
    if (isAll) rounds.end(redis);
    else if (!isMany) await goOn();
    const reading = {
      nowMs: Date.now(),
      known: total,
      looked: looked.size,
      round: isAll ? undefined : last && { held: last.held, waiting: last.waiting },
      moreEndless: isAll ? 0 : (last?.endless.leftOut(locks.filter(isEndless).length) ?? 0),
      wrong: [
        ...new Set([...unreadable.map(unreadableText), ...(isAll || !last ? [] : sentencesOf(last.wrong))]),
      ],
      locks: locks.map(asRow),
    };
    return (slice) => learn(slice, reading);
  },
};

async function count(redis: Client, names: readonly string[], totals: Totals): Promise<void> {
  // Whether somebody holds it is enough.
  const { locks, unreadable } = await inspect(redis, names, { most: 0, longest: 1 });
  for (const lock of locks) {
    const { name, token, waiting } = lock;
    totals.held += token === undefined ? 0 : 1;
    totals.waiting += waiting;
    if (isEndless(lock)) totals.endless.add(name);
  }
  totals.wrong.add(...unreadable.map(unreadableText));
}

/** Somebody waits for what nothing ends. */
function isEndless({ token, ttlMs, waiting }: Status): boolean {
  return token !== undefined && ttlMs === undefined && waiting > 0;
}

function asRow({ name, token, owner, fence, heldMs, ttlMs, waiting, waiters }: Status) {
  return {
    name,
    token: token ?? '',
    isHeld: token !== undefined,
    owner: place(token),
    label: owner?.label ?? '',
    fence,
    heldMs,
    ttlMs,
    waiting,
    waiters: waiters.map(({ host, pid, label, waitedMs }) => ({ place: `${host}:${pid}`, label, waitedMs })),
  };
}

import { initial, type LockSlice, learn, type Reading } from '../../source/features/lock/state.ts';

const token = (host: string): string => `qd1:nonce:1:7:${host}:`;

/** Two locks are waited for, one of them by a holder that is not ours and never ends. */
export const reading: Reading = {
  nowMs: 10_000_000,
  known: 5,
  looked: 5,
  wrong: [],
  locks: [
    {
      name: 'deploy:web',
      token: token('ci-14'),
      isHeld: true,
      owner: 'ci-14:2201',
      label: 'deploy.sh',
      fence: 1_795_187_586_082_132,
      heldMs: 341_234,
      ttlMs: 8123,
      waiting: 22,
      waiters: [
        { place: 'ci-15:977', label: 'deploy.sh', waitedMs: 242_000 },
        { place: 'ci-16:31', label: '', waitedMs: 4210 },
      ],
    },
    {
      name: 'reindex',
      token: token('worker-3'),
      isHeld: true,
      owner: 'worker-3:81',
      label: 'reindex',
      fence: 1_795_187_086_082_132,
      heldMs: 1_330_000,
      ttlMs: 9900,
      waiting: 0,
      waiters: [],
    },
    {
      name: 'flush:stats',
      token: token('cron-1'),
      isHeld: true,
      owner: 'cron-1:7',
      label: 'quarterdeck',
      fence: 1_795_187_586_000_001,
      heldMs: 212,
      ttlMs: 2140,
      waiting: 0,
      waiters: [],
    },
    {
      name: 'migrate',
      token: '9f1c0a',
      isHeld: true,
      owner: '(foreign)',
      label: '',
      fence: undefined,
      heldMs: undefined,
      ttlMs: undefined,
      waiting: 1,
      waiters: [{ place: 'ci-15:980', label: 'migrate', waitedMs: 61_000 }],
    },
    {
      name: 'next\u001B[2Jtime',
      token: '',
      isHeld: false,
      owner: 'nobody',
      label: '',
      fence: undefined,
      heldMs: undefined,
      ttlMs: undefined,
      waiting: 1,
      waiters: [{ place: 'evil\u202E:1', label: '\u0007', waitedMs: 900 }],
    },
  ],
};

/** Full bars as after a first look at each, then the reading 49 minutes later. */
export const live: LockSlice = learn(
  learn(initial, {
    ...reading,
    nowMs: reading.nowMs - 2_940_000,
    locks: reading.locks.map((lock) => ({ ...lock, ttlMs: lock.ttlMs === undefined ? undefined : 10_000 })),
  }),
  reading,
);

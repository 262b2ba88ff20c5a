import process from 'node:process';
import { Redis } from 'ioredis';
import { flush } from '../../source/features/buffer/flush/flush.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';

/** A flusher that is killed with SIGKILL at one moment of its flush, or a little after. */
type Fate = {
  readonly socket: string;
  readonly type: string;
  readonly to: string;
  readonly table: string;
  /** Undefined: it lives. */
  readonly step?: string;
  /** The how-manieth time it gets there. */
  readonly visit: number;
  /** -1: at once; 0: when what it does next has been sent; more: so many milliseconds later. */
  readonly afterMs: number;
};

const fate = JSON.parse(process.argv[2] ?? '') as Fate;
const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

let visits = 0;
const onStep = (step: string): void => {
  if (step !== fate.step) return;
  visits += 1;
  if (visits !== fate.visit) return;
  if (fate.afterMs < 0) die();
  else if (fate.afterMs === 0) setImmediate(die);
  else setTimeout(die, fate.afterMs);
};

const redis = new Redis({ path: fate.socket, maxRetriesPerRequest: null, connectionName: 'doomed' });
const target = await openTarget({ to: fate.to, table: fate.table });
await flush(redis, fate.type, target, { onStep });
await target.close();
redis.disconnect();

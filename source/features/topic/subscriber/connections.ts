import type { Redis } from 'ioredis';
import { quietReadyCheck } from '../../../redis/connection/ready-check.ts';

/** A connection for commands that wait: they hold up no others, and notice a server that fell silent. */
export function openReader(listener: Redis, waitMs: number): Redis {
  const reader = listener.duplicate({
    maxRetriesPerRequest: null,
    socketTimeout: waitMs + 5000,
    enableAutoPipelining: false,
  });
  return quietReadyCheck(reader, () => {});
}

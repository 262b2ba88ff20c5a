import type { Client } from '../../redis/client.ts';
import { clusterNameFault, keyFamily } from '../../redis/keys.ts';
import { nameFault } from '../../values.ts';
import { BadTypeError, longestId } from './errors.ts';

const reserved = /:(?:inflight|batch|oldest|settled|status|aside)$|:aside:(?:why|due)$|:seq:[^:]*$/;

export type BufferKeys = ReturnType<typeof bufferKeys>;

/**
 * The keys of one type.
 * @throws {BadTypeError} for an empty name, one past 512 bytes, or one that ends like the keys of another type
 */
export function bufferKeys(redis: Client, type: string) {
  const reason = typeFault(type, redis);
  if (reason !== undefined) throw new BadTypeError(type, reason);
  return keyFamily(redis, type, {
    pending: 'pending:*',
    inflight: 'pending:*:inflight',
    batch: 'pending:*:batch',
    oldest: 'pending:*:oldest',
    settled: 'pending:*:settled',
    status: 'pending:*:status',
    aside: 'pending:*:aside',
    why: 'pending:*:aside:why',
    due: 'pending:*:aside:due',
    guard: 'pending:*:seq:',
  });
}

/** Whether `pending:<type>` may be a buffer, rather than something kept beside one. */
export function isOwnType(type: string, redis?: Client): boolean {
  return typeFault(type, redis) === undefined;
}

/** Why no type can be called so, on this server if one is given; undefined if one can. */
export function typeFault(type: unknown, redis?: Client): string | undefined {
  const fault = nameFault(type);
  if (fault !== undefined || typeof type !== 'string') return fault;
  if (reserved.test(type)) return 'a key kept beside another type ends like that';
  return redis && clusterNameFault(redis, type);
}

/** Whether SQL would take it as a key. Half of a surrogate pair would become another character on its way, and two ids one. */
export function isId(id: unknown): id is string {
  if (typeof id !== 'string') return false;
  return id !== '' && id.length <= longestId && !id.includes('\0') && id.isWellFormed();
}

import type { Client } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';
import { BadTypeError } from './errors.ts';

const reserved = /:(?:inflight|batch|oldest|settled|status|aside)$|:aside:(?:why|due)$|:seq:[^:]*$/;

export type BufferKeys = ReturnType<typeof bufferKeys>;

/**
 * The keys of one type.
 * @throws {BadTypeError} for an empty name, one past 512 bytes, or one that ends like the keys of another type
 */
export function bufferKeys(redis: Client, type: string) {
  const reason = reasonAgainst(type);
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
export function isOwnType(type: string): boolean {
  return reasonAgainst(type) === undefined;
}

function reasonAgainst(type: string): string | undefined {
  if (type === '') return 'it is empty';
  if (Buffer.byteLength(type) > 512) return 'it exceeds 512 bytes';
  if (reserved.test(type)) return 'a key kept beside another type ends like that';
}

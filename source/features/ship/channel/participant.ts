import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Process } from './ledger.ts';

/** After so long without a sign of life a shipper or a consumer counts as gone, and its place may be taken. */
export const leaseMs = 10_000;
export const heartbeatMs = 1000;

/** A name for one shipper or consumer that nobody else has. */
export function makeToken(): string {
  return randomBytes(9).toString('base64url');
}

export const self = { host: hostname(), pid: process.pid };

/** Certainly gone, however recent its last sign of life: a process of this host that does not exist any more. */
export function isGone({ host, pid }: Process): boolean {
  if (host !== self.host || !pid || pid === self.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

export function placeOf({ host, pid }: Process): string {
  return host && pid ? `${host}:${pid}` : 'another process';
}

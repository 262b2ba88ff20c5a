import type { Redis } from 'ioredis';

/**
 * The commands of Redis in Action, as a Python program that follows it sends them: one connection for each writer, WATCH, and
 * the client's clock.
 */
export async function bookLogCommon(
  redis: Redis,
  name: string,
  message: string,
  { severity = 'info', atMs = Date.now() }: { severity?: string; atMs?: number } = {},
): Promise<{ retries: number }> {
  const destination = `common:${name}:${severity}`;
  const hour = `${new Date(atMs).toISOString().slice(0, 13)}:00:00`;
  for (let retries = 0; ; retries += 1) {
    await redis.watch(`${destination}:start`);
    const existing = await redis.get(`${destination}:start`);
    const transaction = redis.multi();
    if (existing !== null && existing < hour) {
      transaction.rename(destination, `${destination}:last`);
      transaction.rename(`${destination}:start`, `${destination}:pstart`);
      transaction.set(`${destination}:start`, hour);
    } else if (existing === null) {
      transaction.set(`${destination}:start`, hour);
    }
    transaction.zincrby(destination, 1, message);
    transaction.lpush(`recent:${name}:${severity}`, `Sun Jun  9 01:02:03 2024 ${message}`);
    transaction.ltrim(`recent:${name}:${severity}`, 0, 99);
    if ((await transaction.exec()) !== null) return { retries };
  }
}

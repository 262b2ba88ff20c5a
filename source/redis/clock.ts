import type { Client } from './client.ts';

/**
 * What the server's clock says, kept as its distance from this process's monotonic clock: the wall clock of the
 * machine we run on never decides anything. A guess may be off by a round trip or by what a clock was stepped;
 * where it picks a key (a window, an hour), the script checks it against TIME and refuses a wrong one.
 */
const distances = new WeakMap<Client, number>();

/** Asks the server for its time, in epoch ms. */
export async function serverMs(client: Client): Promise<number> {
  const [seconds, microseconds] = await client.time();
  const ms = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  learnServerMs(client, ms);
  return ms;
}

/** The server's time as far as this process can tell without asking; its own clock before the first answer. */
export function guessServerMs(client: Client): number {
  const now = performance.now();
  return Math.floor(now + (distances.get(client) ?? Date.now() - now));
}

/** Remembers a time the server just answered. */
export function learnServerMs(client: Client, ms: number): void {
  distances.set(client, ms - performance.now());
}

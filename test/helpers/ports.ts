import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which systems take ports for outgoing connections: those come and go at any moment. */
const [lowest, highest] = [10_000, 32_000];
/** Test files run side by side: each worker has a lane of its own, or two could be given a port that neither uses yet. */
const lanes = 16;
const lane = Number(process.env.VITEST_POOL_ID ?? 0) % lanes;
const given = new Set<number>();

/** A TCP port that nobody had a moment ago, for servers that cannot use a unix socket (TLS, Sentinel, Cluster). */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + lanes * Math.floor((Math.random() * (highest - lowest)) / lanes) + lane;
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

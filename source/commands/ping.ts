import { defineCommand } from '../features/feature.ts';
import { masters } from '../redis/client.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { serverIn } from '../redis/server/server-version.ts';
import { infoOf } from '../redis/server/support.ts';
import { textTable } from '../ui/text-table.ts';
import { failureOf } from './failure.ts';
import * as printed from './printed.ts';

/** How many round trips are measured; the median is printed. */
const rounds = 5;

type Pinged = {
  readonly url: string;
  readonly kind: Connection['kind'];
  readonly state: 'up' | 'down';
  readonly program: string | null;
  readonly version: string | null;
  readonly role: string | null;
  readonly latencyMs: number | null;
  readonly error: string | null;
};

/** For health checks of containers and services. */
export const pingCommand = defineCommand({
  verb: 'ping',
  summary: 'whether Redis answers, what it is, and how long an answer takes; exit 3 if it does not',
  prints: printed.ping,
  writes: false,
  partial: true,
  examples: ['quarterdeck ping --timeout 2s'],
  async run({ connections }) {
    const found = await Promise.all(connections.map(pinged));
    const text = textTable(
      found.map(({ url, state, program, version, role, latencyMs, error }) => [
        url,
        state,
        [program, version].filter((word) => word !== null).join(' '),
        role ?? '',
        latencyMs === null ? '' : `${latencyMs} ms`,
        error ?? '',
      ]),
    );
    return { json: found, text, exitCode: found.every(({ state }) => state === 'up') ? 0 : 3 };
  },
});

async function pinged({ url, kind, ask, state }: Connection): Promise<Pinged> {
  const nothing = { program: null, version: null, role: null, latencyMs: null };
  if (state().name !== 'live') {
    return { url, kind, state: 'down', ...nothing, error: state().error ?? 'it does not answer' };
  }
  try {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const sentAt = performance.now();
      await ask.ping();
      times.push(performance.now() - sentAt);
    }
    const middle = times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
    const [server] = await masters(ask);
    const info = server ? await infoOf(server) : {};
    const { name, version } = serverIn(info);
    return {
      url,
      kind,
      state: 'up',
      program: version === undefined ? null : name,
      version: version ?? null,
      role: info.role === undefined ? null : info.role === 'master' ? 'primary' : 'replica',
      latencyMs: Math.round(middle * 100) / 100,
      error: null,
    };
  } catch (error) {
    return { url, kind, state: 'down', ...nothing, error: failureOf(error).message };
  }
}

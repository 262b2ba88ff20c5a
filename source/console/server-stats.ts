import { isCluster } from '../redis/client.ts';
import { type Connection, masters } from '../redis/connect.ts';
import { parseInfo } from '../redis/parse-info.ts';
import type { Question } from '../redis/poller.ts';
import type { ServerFigures, Store } from '../store/store.ts';

/**
 * The header's figures: what INFO tells of the server, and what this console itself costs it.
 *
 * Figures are held against jitter, so that an idle server changes nothing and paints nothing, and our own commands
 * are taken out of the server's count.
 */
export type ServerWatch = {
  readonly question: Question;
  /** How much to lengthen every interval so that we stay within `budget` commands a second; 1 when within. */
  stretch(budget?: number): number;
};

const everyMs = 2000;

export function watchServer(connection: Connection, store: Store): ServerWatch {
  let before: { atMs: number; processed: number; own: number } | undefined;
  let ownRate = 0;
  let stretched = 1;
  /** The first two tell of the start, in which everything is asked at once. */
  let readings = 0;

  return {
    question: {
      everyMs,
      async ask() {
        const info = await readInfo(connection);
        readings += 1;
        const now = { atMs: performance.now(), processed: info.processed, own: connection.sent() };
        let commandsPerSecond = 0;
        if (before) {
          const seconds = (now.atMs - before.atMs) / 1000;
          ownRate = (now.own - before.own) / seconds;
          commandsPerSecond = Math.max(0, (now.processed - before.processed) / seconds - ownRate);
        }
        before = now;
        store.setState((state) => ({
          server: steady(state.server, { ...info.figures, commandsPerSecond }),
          ownCommandsPerSecond: held(
            state.ownCommandsPerSecond,
            readings > 2 ? Math.round(ownRate) : 0,
            0.3,
            1,
          ),
        }));
      },
    },
    stretch(budget) {
      if (budget !== undefined) {
        // Follow a rise at once and a fall slowly, else the intervals would swing.
        const wanted = Math.max(1, (ownRate * stretched) / budget);
        stretched = wanted > stretched ? wanted : stretched + (wanted - stretched) * 0.05;
      }
      return stretched;
    },
  };
}

type Info = { figures: Omit<ServerFigures, 'commandsPerSecond'>; processed: number };

async function readInfo({ ask }: Connection): Promise<Info> {
  const servers = await masters(ask);
  const infos = await Promise.all(servers.map(async (server) => parseInfo(await server.info())));
  const sum = (field: string): number => infos.reduce((total, info) => total + Number(info[field] ?? 0), 0);
  const [first = {}] = infos;
  const role = first.role === 'master' ? 'primary' : 'replica';
  return {
    processed: sum('total_commands_processed'),
    figures: {
      version: first.redis_version ?? '?',
      role: isCluster(ask) ? `cluster of ${servers.length}` : role,
      usedBytes: sum('used_memory'),
      maxBytes: sum('maxmemory'),
    },
  };
}

function steady(before: ServerFigures | undefined, next: ServerFigures): ServerFigures {
  if (!before) return next;
  const usedBytes = held(before.usedBytes, next.usedBytes, 0.02, 1024 * 1024);
  const commandsPerSecond = held(before.commandsPerSecond, Math.round(next.commandsPerSecond), 0.1, 3);
  const isSame =
    usedBytes === before.usedBytes &&
    commandsPerSecond === before.commandsPerSecond &&
    next.role === before.role &&
    next.version === before.version &&
    next.maxBytes === before.maxBytes;
  return isSame ? before : { ...next, usedBytes, commandsPerSecond };
}

/** The shown figure stays until the measured one has moved by this share of it and by at least this much. */
function held(shown: number, measured: number, share: number, least: number): number {
  return Math.abs(measured - shown) <= Math.max(shown * share, least) ? shown : measured;
}

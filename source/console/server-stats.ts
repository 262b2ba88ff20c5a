import { isCluster } from '../redis/client.ts';
import { type Connection, masters } from '../redis/connection/connect.ts';
import type { Question } from '../redis/poller.ts';
import { serverIn } from '../redis/server/server-version.ts';
import { infoOf } from '../redis/server/support.ts';
import type { ServerFigures, Store } from '../store/store.ts';

/**
 * The header's figures: what INFO tells of the server, and what this console itself costs it.
 *
 * Figures are held against jitter, so that an idle server changes nothing and paints nothing, and our own commands
 * are taken out of the server's count.
 */
export type ServerWatch = {
  readonly question: Question;
  /** How much to lengthen every interval so that polling stays within the budget; 1 when within. */
  stretch(): number;
  /** What is sent from now on is not polling, but what the operator asked for; returns what ends that. */
  exclude(): () => void;
};

const everyMs = 2000;
/** Commands a second that polling may cost. */
const commandBudget = 18;
const longestStretch = 5;
/** How far back the rate is taken over: the longest interval comes round in it. */
const windowMs = 20_000;

/** Commands sent between two readings of INFO, as many as they would have been without stretching. */
type Sample = { readonly ms: number; readonly unstretched: number };

export function watchServer(connection: Connection, store: Store): ServerWatch {
  let before: { atMs: number; processed: number; own: number } | undefined;
  let stretched = 1;
  let samples: readonly Sample[] = [];
  /** How many commands of the operator run, and whether one ran since the last reading. */
  let excluding = 0;
  let isMixed = false;
  /** The first two tell of the start, in which everything is asked at once. */
  let readings = 0;

  /** Once a reading, from what polling would cost by itself: a factor taken from a stretched rate feeds on itself. */
  const judge = (sample: Sample): void => {
    samples = [...samples, sample];
    const spans = samples.map(({ ms }) => ms);
    while (samples.length > 1 && sum(spans.slice(1)) >= windowMs) {
      samples = samples.slice(1);
      spans.shift();
    }
    const rate = (sum(samples.map(({ unstretched }) => unstretched)) * 1000) / sum(spans);
    const wanted = Math.min(longestStretch, Math.max(1, rate / commandBudget));
    // Follow a rise at once and a fall slowly, else the intervals would swing.
    stretched = wanted > stretched ? wanted : stretched + (wanted - stretched) * 0.25;
  };

  return {
    question: {
      everyMs,
      longestMs: everyMs,
      async ask() {
        const info = await readInfo(connection);
        readings += 1;
        const now = { atMs: performance.now(), processed: info.processed, own: connection.sent() };
        let commandsPerSecond = 0;
        let ownRate = 0;
        if (before) {
          const ms = now.atMs - before.atMs;
          const own = now.own - before.own;
          ownRate = (own * 1000) / ms;
          commandsPerSecond = Math.max(0, ((now.processed - before.processed) * 1000) / ms - ownRate);
          if (readings > 2 && !isMixed) judge({ ms, unstretched: own * stretched });
        }
        before = now;
        isMixed = excluding > 0;
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
    stretch: () => stretched,
    exclude() {
      excluding += 1;
      isMixed = true;
      return () => {
        excluding -= 1;
      };
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

type Info = { figures: Omit<ServerFigures, 'commandsPerSecond'>; processed: number };

async function readInfo({ ask }: Connection): Promise<Info> {
  const servers = await masters(ask);
  const infos = await Promise.all(servers.map(infoOf));
  const sum = (field: string): number => infos.reduce((total, info) => total + Number(info[field] ?? 0), 0);
  const [first = {}] = infos;
  const server = serverIn(first);
  const role = first.role === 'master' ? 'primary' : (first.role && 'replica') || '';
  return {
    processed: sum('total_commands_processed'),
    figures: {
      ...(server.version !== undefined && { program: server.name }),
      version: server.version ?? '?',
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

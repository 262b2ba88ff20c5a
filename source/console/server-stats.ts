import { isCluster, masters } from '../redis/client.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { countReceived } from '../redis/connection/received.ts';
import type { Question } from '../redis/poller.ts';
import { totalIn } from '../redis/server/parse-info.ts';
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
  /** How much to lengthen every interval so that polling stays within its budgets; 1 when within. */
  stretch(): number;
  /** What is sent from now on is not polling, but what the operator asked for; returns what ends that. */
  exclude(): () => void;
};

const everyMs = 2000;
/** Commands a second that polling may cost, and bytes of replies: how long those are, others decide. */
const commandBudget = 16;
const byteBudget = 400_000;
const longestStretch = 5;
/** How far back the rate is taken over: the longest interval comes round in it. */
const windowMs = 20_000;

/**
 * How many readings the rates are shown over. What travels together with INFO is counted by one side and not yet by the
 * other, and questions have different intervals: one reading alone is another rate each time.
 */
const shownReadings = 10;
/** Fewer tell no rate of our own. */
const leastReadings = 5;

/** What was sent and received between two readings of INFO, as much as it would have been without stretching. */
type Sample = { readonly ms: number; readonly commands: number; readonly bytes: number };

export function watchServer(connection: Connection, store: Store): ServerWatch {
  const received = countReceived(connection.ask);
  let stretched = 1;
  let samples: readonly Sample[] = [];
  let counts: readonly Counts[] = [];
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
    const seconds = sum(spans) / 1000;
    const commands = sum(samples.map((each) => each.commands)) / seconds / commandBudget;
    const bytes = sum(samples.map((each) => each.bytes)) / seconds / byteBudget;
    const wanted = Math.min(longestStretch, Math.max(1, commands, bytes));
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
        const now: Counts = {
          atMs: performance.now(),
          processed: info.processed,
          own: info.own,
          bytes: received(),
          isStart: readings <= 2,
        };
        const before = counts.at(-1);
        if (before && readings > 2 && !isMixed) {
          judge({
            ms: now.atMs - before.atMs,
            commands: (now.own - before.own) * stretched,
            bytes: (now.bytes - before.bytes) * stretched,
          });
        }
        counts = [...counts, now].slice(-1 - shownReadings);
        isMixed = excluding > 0;
        const usual = counts.filter(({ isStart }) => !isStart);
        store.setState((state) => ({
          server: steady(state.server, {
            ...info.figures,
            commandsPerSecond: rateOf(counts, othersOf),
          }),
          ownCommandsPerSecond: held(
            state.ownCommandsPerSecond,
            usual.length > leastReadings ? Math.round(rateOf(usual, ({ own }) => own) ?? 0) : 0,
            0,
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

/** What the server has done, what of it this console asked for, and the bytes of its answers. */
type Counts = {
  readonly atMs: number;
  readonly processed: number | undefined;
  readonly own: number;
  readonly bytes: number;
  /** Of the start, in which everything is asked at once. */
  readonly isStart: boolean;
};

function othersOf({ processed, own }: Counts): number | undefined {
  return processed === undefined ? undefined : processed - own;
}

/** A second, from the first to the last; undefined while there is only one. */
function rateOf(
  counts: readonly Counts[],
  count: (counts: Counts) => number | undefined,
): number | undefined {
  const [first] = counts;
  const last = counts.at(-1);
  if (!first || !last || first === last) return;
  const [before, after] = [count(first), count(last)];
  if (before === undefined || after === undefined) return;
  return Math.max(0, ((after - before) * 1000) / (last.atMs - first.atMs));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

type Info = {
  figures: Omit<ServerFigures, 'commandsPerSecond'>;
  processed: number | undefined;
  /** Sent by this console before INFO, so that both sides count the same. */
  own: number;
};

async function readInfo({ ask, sent }: Connection): Promise<Info> {
  const servers = await masters(ask);
  const own = sent();
  const infos = await Promise.all(servers.map(infoOf));
  const [first = {}] = infos;
  const server = serverIn(first);
  const role = first.role === 'master' ? 'primary' : (first.role && 'replica') || '';
  return {
    processed: totalIn(infos, 'total_commands_processed'),
    own,
    figures: {
      ...(server.version !== undefined && { program: server.name }),
      version: server.version ?? '?',
      role: isCluster(ask) ? `cluster of ${servers.length}` : role,
      usedBytes: totalIn(infos, 'used_memory'),
      maxBytes: totalIn(infos, 'maxmemory'),
    },
  };
}

function steady(before: ServerFigures | undefined, next: ServerFigures): ServerFigures {
  const rate = next.commandsPerSecond === undefined ? undefined : Math.round(next.commandsPerSecond);
  if (!before) return { ...next, commandsPerSecond: rate };
  const usedBytes = held(before.usedBytes, next.usedBytes, 0.02, 1024 * 1024);
  const commandsPerSecond = held(before.commandsPerSecond, rate, 0.1, 5);
  const isSame =
    usedBytes === before.usedBytes &&
    commandsPerSecond === before.commandsPerSecond &&
    next.role === before.role &&
    next.version === before.version &&
    next.maxBytes === before.maxBytes;
  return isSame ? before : { ...next, usedBytes, commandsPerSecond };
}

/** The shown figure stays until the measured one has moved by this share of it and by at least this much. */
function held<Measured extends number | undefined>(
  shown: Measured,
  measured: Measured,
  share: number,
  least: number,
): Measured {
  if (shown === undefined || measured === undefined) return measured;
  return Math.abs(measured - shown) <= Math.max(shown * share, least) ? shown : measured;
}

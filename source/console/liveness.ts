import { masters } from '../redis/client.ts';
import type { Connection } from '../redis/connection/connect.ts';
import type { Store } from '../store/store.ts';

/**
 * How long ago Redis last answered, whatever the socket says: a server that hangs keeps its connections open.
 *
 * Any answered question counts. When nothing else was asked for a second, a PING is: what is on the screen can be
 * called live only as long as somebody could have said otherwise.
 */
export type Liveness = {
  /** Redis answered something. */
  answered(): void;
  stop(): void;
};

/** Without an answer for this long the header shows it. */
export const silentAfterMs = 2000;
/** A little more than the shortest interval of a feed: in health these questions are all it takes. */
const pingAfterMs = 1100;
/** In Cluster every primary is asked, and none of them may be overlooked: with many of them, less often. */
const eachPrimaryMs = 250;
/** An unanswered round is given up, as the primary it waits for may have been replaced. */
const roundMs = 5000;
const tickMs = 250;
/** What an answer may take until its absence is shown. */
const answerMs = silentAfterMs - pingAfterMs;

export function watchLiveness(connection: Connection, store: Store): Liveness {
  const isCluster = connection.kind === 'cluster';
  let answeredAtMs = performance.now();
  let roundAtMs: number | undefined;
  let primaries = 1;

  const answered = (): void => {
    answeredAtMs = performance.now();
    tell(undefined);
  };
  const tell = (silentSinceMs: number | undefined): void => {
    const { connection: known } = store.getState();
    if (known.silentSinceMs === silentSinceMs) return;
    const { silentSinceMs: _, ...rest } = known;
    store.setState({ connection: silentSinceMs === undefined ? rest : { ...rest, silentSinceMs } });
  };
  const ping = async (): Promise<void> => {
    const ownRound = performance.now();
    roundAtMs = ownRound;
    try {
      const servers = await masters(connection.ask);
      primaries = Math.max(1, servers.length);
      // A refusal is an answer; a broken connection shows in its state.
      await Promise.all(servers.map((server) => server.ping().catch(() => {})));
      if (connection.state().name === 'live') answered();
    } finally {
      if (roundAtMs === ownRound) roundAtMs = undefined;
    }
  };
  /** Looks, and says after how long there is something to look for again. */
  const look = (): number => {
    const nowMs = performance.now();
    if (connection.state().name !== 'live') {
      answeredAtMs = nowMs;
      return tickMs;
    }
    const quietMs = nowMs - answeredAtMs;
    const everyMs = Math.max(pingAfterMs, primaries * eachPrimaryMs);
    if (quietMs < everyMs) return Math.max(1, everyMs - quietMs);
    const isWaiting = roundAtMs !== undefined && nowMs - roundAtMs < roundMs;
    if (!isWaiting) ping().catch(() => {});
    // The first silence found sets the moment; the clock of the screen counts on from there.
    const { silentSinceMs } = store.getState().connection;
    if (quietMs >= Math.max(silentAfterMs, everyMs + answerMs) && silentSinceMs === undefined) {
      tell(Date.now() - Math.round(quietMs));
    }
    return tickMs;
  };
  let timer: NodeJS.Timeout;
  const tick = (): void => {
    timer = setTimeout(tick, look());
  };
  tick();

  return {
    // One node of a cluster tells nothing of the others.
    answered: isCluster ? () => {} : answered,
    stop: () => clearTimeout(timer),
  };
}

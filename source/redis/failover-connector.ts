import { Redis, type SentinelConnectionOptions, SentinelConnector } from 'ioredis';

type Connect = SentinelConnector['connect'];

/**
 * Finds the primary through Sentinel as ioredis 6 does, without two faults of its failover detector:
 * - The detector of a lost connection still listens while the next primary is looked for, and its `disconnect` makes
 *   the search throw, which ends the client for good and fails whatever waits for it.
 * - Its own clients have no error listener, so a sentinel that goes away prints a stack trace into the terminal.
 */
export class FailoverConnector extends SentinelConnector {
  #hasDetector = false;

  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override async connect(...[report]: Parameters<Connect>): ReturnType<Connect> {
    if (this.#hasDetector) this.disconnect();
    this.#hasDetector = false;
    const stream = await super.connect(report);
    stream.once('connect', () => {
      this.#hasDetector = true;
      for (const client of detectingClients(this)) client.on('error', () => {});
    });
    return stream;
  }
}

function detectingClients(connector: SentinelConnector): Redis[] {
  const sentinels: unknown = Reflect.get(Reflect.get(connector, 'failoverDetector') ?? {}, 'sentinels');
  if (!Array.isArray(sentinels)) return [];
  return sentinels.map(({ client }) => client).filter((client) => client instanceof Redis);
}

import { TLSSocket } from 'node:tls';
import { Redis, type SentinelConnectionOptions, SentinelConnector } from 'ioredis';

type Connect = SentinelConnector['connect'];

/**
 * Finds the primary through Sentinel as ioredis 6 does, without three of its faults:
 * - The detector of a lost connection still listens while the next primary is looked for, and its `disconnect` makes
 *   the search throw, which ends the client for good and fails whatever waits for it.
 * - The detector's own clients have no error listener, so a sentinel that goes away prints a stack trace into the
 *   terminal.
 * - Why no primary was found stands behind a sentence about retries that are somebody else's business.
 */
export class FailoverConnector extends SentinelConnector {
  #hasDetector = false;

  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override async connect(...[report]: Parameters<Connect>): ReturnType<Connect> {
    if (this.#hasDetector) this.disconnect();
    this.#hasDetector = false;
    const stream = await super.connect((type, error) =>
      report(type, type === 'error' && error instanceof Error ? withoutRetries(error) : error),
    );
    stream.once(stream instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      this.#hasDetector = true;
      for (const client of detectingClients(this)) client.on('error', () => {});
    });
    return stream;
  }
}

/** What the last of the sentinels said, when none could name a primary. */
function withoutRetries(error: Error): Error {
  const [, said] = /^All sentinels are unreachable.* Last error: (.+)$/s.exec(error.message) ?? [];
  return said === undefined ? error : new Error(`no sentinel tells of a primary (${said})`, { cause: error });
}

function detectingClients(connector: SentinelConnector): Redis[] {
  const sentinels: unknown = Reflect.get(Reflect.get(connector, 'failoverDetector') ?? {}, 'sentinels');
  if (!Array.isArray(sentinels)) return [];
  return sentinels.map(({ client }) => client).filter((client) => client instanceof Redis);
}

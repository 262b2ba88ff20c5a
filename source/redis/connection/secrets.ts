import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Config } from '../../config.ts';
import { passwordIn } from '../../private-files.ts';
import { type Client, isCluster } from '../client.ts';

/**
 * The password and the certificates of one client. They may be renewed while we run (short-lived tokens, rotated
 * certificates), so files are read, and a command is run, again before each reconnect.
 */
export class Secrets {
  readonly #config: Config;
  readonly #tls: ConnectionOptions[] = [];
  #client: Client | undefined;
  #isAsking = false;

  constructor(config: Config) {
    this.#config = config;
  }

  /** How to speak TLS with this host. An address is no name to be announced: it is checked as an address. */
  tls(host?: string): ConnectionOptions {
    const { tlsServername } = this.#config;
    const named = host === undefined || isIP(host) !== 0 ? undefined : host;
    const servername = tlsServername ?? named;
    const tls = { ...(servername !== undefined && { servername }), ...this.#files() };
    this.#tls.push(tls);
    return tls;
  }

  /** From now on this client gets what was renewed. */
  serve(client: Client): void {
    this.#client = client;
    // The nodes of a cluster reconnect by themselves.
    if (isCluster(client)) client.on('node error', () => this.renew());
  }

  /** Reads everything again. What cannot be read stays as it was: the server says what is wrong with it. */
  renew(): void {
    try {
      for (const tls of this.#tls) Object.assign(tls, this.#files());
    } catch {}
    const { passwordFile, passwordCommand } = this.#config;
    try {
      if (passwordFile !== undefined) this.#use(passwordIn(passwordFile));
    } catch {}
    if (passwordCommand === undefined || this.#isAsking) return;
    this.#isAsking = true;
    execFile('sh', ['-c', passwordCommand], { encoding: 'utf8', timeout: 30_000 }, (error, printed) => {
      this.#isAsking = false;
      const [line = ''] = printed.split(/\r?\n/, 1);
      if (!error && line !== '') this.#use(line);
    });
  }

  #files(): Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> {
    const { tlsCaFile, tlsCertFile, tlsKeyFile } = this.#config;
    return {
      ...(tlsCaFile !== undefined && { ca: readFileSync(tlsCaFile) }),
      ...(tlsCertFile !== undefined && { cert: readFileSync(tlsCertFile) }),
      ...(tlsKeyFile !== undefined && { key: readFileSync(tlsKeyFile) }),
    };
  }

  #use(password: string): void {
    const client = this.#client;
    if (!client) return;
    if (!isCluster(client)) {
      client.options.password = password;
      return;
    }
    // Nodes that are there, and those that will be made; the pool keeps its options to itself.
    const pool: unknown = Reflect.get(client, 'connectionPool');
    const shared: unknown = typeof pool === 'object' && pool !== null && Reflect.get(pool, 'redisOptions');
    if (typeof shared === 'object' && shared !== null) Object.assign(shared, { password });
    for (const node of client.nodes()) node.options.password = password;
  }
}

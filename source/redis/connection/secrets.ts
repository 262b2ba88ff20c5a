import { execFile as execFileWithCallback } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { promisify } from 'node:util';
import type { AbstractConnector, Redis } from 'ioredis';
import type { Config } from '../../config.ts';
import { passwordIn } from '../../private-files.ts';
import { type Client, isCluster } from '../client.ts';

const execFile = promisify(execFileWithCallback);

/**
 * The password and the certificates of one client. They may be renewed while we run (short-lived tokens, rotated
 * certificates), so files are read, and a command is run, again before each connection but the first. ioredis takes the
 * password when it begins to connect, and what waits for a connection whose password is refused is refused with it: so
 * connecting waits until the new one is there.
 */
export class Secrets {
  readonly #config: Config;
  readonly #tls: ConnectionOptions[] = [];
  readonly #closed = new AbortController();
  #client: Client | undefined;
  #renewing: Promise<void> | undefined;

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
    const { passwordFile, passwordCommand } = this.#config;
    if (passwordFile === undefined && passwordCommand === undefined && this.#tls.length === 0) return;
    client.once('end', () => this.#closed.abort());
    if (!isCluster(client)) {
      this.#renewBeforeConnecting(client);
      const duplicate = client.duplicate.bind(client);
      client.duplicate = (override) => {
        const { lazyConnect = client.options.lazyConnect } = override ?? {};
        const copy = duplicate({ ...override, lazyConnect: true });
        this.#serveCopy(copy);
        if (!lazyConnect) copy.connect().catch(() => {});
        return copy;
      };
      return;
    }
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (...how) => {
      const copy = duplicate(...how);
      this.#serveCopy(copy);
      return copy;
    };
    // Until it was ready once, what was read at the start is new. The nodes connect by themselves, when they are first
    // needed, which may be long after.
    client.once('ready', () => {
      client.on('+node', (node: Redis) => this.#renewBeforeConnecting(node));
      for (const node of client.nodes()) this.#renewBeforeConnecting(node);
    });
    client.on('node error', () => void this.renew());
  }

  /** A connection like this one, such as the one that waits for messages. The certificates are the same objects. */
  #serveCopy(copy: Client): void {
    const secrets = new Secrets(this.#config);
    secrets.#tls.push(...this.#tls);
    secrets.serve(copy);
  }

  /** Reads everything again. What cannot be read stays as it was: the server says what is wrong with it. */
  renew(): Promise<void> {
    this.#renewing ??= this.#read().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #read(): Promise<void> {
    try {
      for (const tls of this.#tls) Object.assign(tls, this.#files());
    } catch {}
    const { passwordFile, passwordCommand } = this.#config;
    try {
      if (passwordFile !== undefined) this.#use(passwordIn(passwordFile));
    } catch {}
    if (passwordCommand === undefined) return;
    try {
      const { stdout } = await execFile('sh', ['-c', passwordCommand], {
        encoding: 'utf8',
        timeout: 30_000,
        signal: this.#closed.signal,
      });
      const [line = ''] = stdout.split(/\r?\n/, 1);
      if (line !== '') this.#use(line);
    } catch {}
  }

  /** Both parts are private to ioredis, which has no way to give a password later. */
  #renewBeforeConnecting(client: Redis): void {
    const connector: unknown = Reflect.get(client, 'connector');
    if (!isConnector(connector)) return;
    const connect = connector.connect.bind(connector);
    connector.connect = async (report) => {
      Reflect.set(connector, 'connecting', true);
      await this.renew();
      // Disconnected meanwhile: connecting would begin anew what nobody would end.
      if (Reflect.get(connector, 'connecting') !== true) throw new Error('Connection is closed.');
      const { username, password } = client.options;
      const condition: unknown = Reflect.get(client, 'condition');
      if (typeof condition === 'object' && condition !== null) {
        Object.assign(condition, { auth: username ? [username, password] : password });
      }
      return await connect(report);
    };
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

function isConnector(value: unknown): value is AbstractConnector {
  return (
    typeof value === 'object' && value !== null && 'connect' in value && typeof value.connect === 'function'
  );
}

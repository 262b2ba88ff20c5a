import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './until.ts';

/** A primary, a replica and one sentinel that watches them; a failover takes about two seconds. */
export type SentinelGroup = {
  /** The sentinel's URL. */
  readonly url: string;
  readonly name: string;
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** Asks the sentinel itself; ends with the group. */
  client(): Redis;
  stopSentinel(): Promise<void>;
  close(): Promise<void>;
};

export type SentinelTerms = {
  /** What the sentinel itself asks for. */
  readonly password?: string;
  /** Folder of `server.crt`, `server.key` and `ca.crt`: then everybody speaks TLS, and nothing else. */
  readonly tlsFiles?: string;
};

export async function startSentinel({ password, tlsFiles }: SentinelTerms = {}): Promise<SentinelGroup> {
  const name = 'main';
  const tls: [string, string][] =
    tlsFiles === undefined
      ? []
      : [
          ['tls-cert-file', path.join(tlsFiles, 'server.crt')],
          ['tls-key-file', path.join(tlsFiles, 'server.key')],
          ['tls-ca-cert-file', path.join(tlsFiles, 'ca.crt')],
          ['tls-auth-clients', 'no'],
          ['tls-replication', 'yes'],
        ];
  const tlsWords = tls.flatMap(([word, value]) => [`--${word}`, value]);
  const portWord = tlsFiles === undefined ? 'port' : 'tls-port';
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-sentinel-'));
  const [first, second, port] = [await freePort(), await freePort(), await freePort()];
  const primary = await startRedis(
    ...[`--${portWord}`, String(first), '--repl-diskless-sync-delay', '0', ...tlsWords],
  );
  const replica = await startRedis(
    ...[`--${portWord}`, String(second), ...tlsWords, '--replicaof', '127.0.0.1', String(first)],
  );
  const file = path.join(directory, 'sentinel.conf');
  const lines = [
    ...(tlsFiles === undefined ? [] : ['port 0']),
    `${portWord} ${port}`,
    ...tls.map(([word, value]) => `${word} ${value}`),
    ...(password === undefined ? [] : [`requirepass ${password}`]),
    `dir ${directory}`,
    `sentinel monitor ${name} 127.0.0.1 ${first} 1`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 2000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  const exited = once(sentinel, 'exit');
  const clients: Redis[] = [];
  const client = (): Redis => {
    const made = new Redis({
      host: '127.0.0.1',
      port,
      maxRetriesPerRequest: null,
      ...(password !== undefined && { password }),
      ...(tlsFiles !== undefined && { tls: { ca: readFileSync(path.join(tlsFiles, 'ca.crt')) } }),
    });
    made.on('error', () => {});
    clients.push(made);
    return made;
  };
  const stopSentinel = async (): Promise<void> => {
    sentinel.kill('SIGKILL');
    await exited;
  };
  const asking = client();
  // A failover needs a replica that the sentinel has already met and that has synchronised.
  await until(async () => {
    const replicas = (await asking.call('SENTINEL', 'REPLICAS', name)) as string[][];
    const fields = replicas[0] ?? [];
    return fields[fields.indexOf('master-link-status') + 1] === 'ok';
  }, 'a replica in sync');

  return {
    url: `${tlsFiles === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
    name,
    primary,
    replica,
    client,
    stopSentinel,
    async close() {
      for (const made of clients) made.disconnect();
      await stopSentinel();
      await primary.close();
      await replica.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

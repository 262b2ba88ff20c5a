import { Cluster, type Redis } from 'ioredis';
import { endedBy } from '../../source/cli/ending.ts';
import { keyFamily } from '../../source/redis/keys.ts';
import { runHere } from '../helpers/batch.ts';
import { type Run, run } from '../helpers/cli.ts';
import type { Stage } from './role-scenarios.ts';

export type StageOptions = {
  readonly admin: Redis | Cluster;
  readonly folder: string;
  readonly role: string;
  /** Where the user of the role connects, and where everybody else does. */
  readonly url: string;
  readonly otherUrl: string;
  /** Of the environment that both have. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the servers refused until now. */
  readonly denials: () => Promise<readonly string[]>;
  /** Has a console open meanwhile; none is unless given. */
  readonly opens?: (use: () => Promise<void>, env: Readonly<Record<string, string>>) => Promise<void>;
};

/** A console keeps its own files there, and no role writes to those of whoever runs the tests. */
export const ownFolders = (folder: string) => ({ XDG_STATE_HOME: folder, XDG_CACHE_HOME: folder });

/** Who the user of a role is. */
export const userOf = (role: string) => ({ QUARTERDECK_USER: role, QUARTERDECK_PASSWORD: 'pw' });

/** Runs the commands of a scenario as the user of its role. */
export function makeStage({
  admin,
  folder,
  role,
  url,
  otherUrl,
  env: more,
  denials,
  opens,
}: StageOptions): Stage {
  const common = { ...ownFolders(folder), ...more };
  const env = { ...common, ...userOf(role) };
  const checked = async (words: string, { code, stdout, stderr }: Run): Promise<string> => {
    if (code === 0 || code === 1) return stdout;
    throw new Error(`${words}: ${code} ${stderr}\n${(await denials()).join('\n')}`);
  };
  const key = (pattern: string, name: string): string => keyFamily(admin, name, { key: pattern }).key;
  return {
    admin,
    folder,
    key,
    heard: async (pattern, name) => await listenersOf(admin, key(pattern, name)),
    does: async (words, stdin = '') =>
      await checked(words, await runHere(words.split(' '), { url, stdin, env })),
    tries: async (words) => {
      const ran = await runHere(words.split(' '), { url, env });
      if (ran.code !== 4) await checked(words, ran);
    },
    opens: async (use) => await opens?.(use, env),
    starts: async (words) => await checked(words, await run(words.split(' '), { url, env })),
    other: async (words, stdin = '') =>
      await checked(words, await runHere(words.split(' '), { url: otherUrl, stdin, env: common })),
    begins(words) {
      const controller = new AbortController();
      const ended = runHere(words.split(' '), { url, env, ended: controller.signal }).then(async (ran) => {
        if (!controller.signal.aborted) await checked(words, ran);
        return ran;
      });
      return {
        ended,
        stop: () => {
          controller.abort(endedBy('SIGTERM'));
          return ended;
        },
      };
    },
  };
}

async function listenersOf(admin: Redis | Cluster, channel: string): Promise<number> {
  // In Cluster each server knows its own.
  const replies =
    admin instanceof Cluster
      ? await Promise.all(admin.nodes('master').map((node) => node.call('PUBSUB', 'SHARDNUMSUB', channel)))
      : [await admin.pubsub('NUMSUB', channel)];
  return replies.reduce<number>((sum, reply) => sum + Number((reply as unknown[])[1]), 0);
}

import type { Role } from '../features/feature.ts';
import { features } from '../features/index.ts';
import { type Client, isCluster } from '../redis/client.ts';
import { commandsIn } from '../redis/refusals.ts';

/**
 * The rights of a job, from what it is made of: the scripts it runs with what they call, what it sends besides, and
 * the names of its keys and channels.
 */
export type Rights = {
  /** As the server calls them, such as `zadd` and `memory|usage`. */
  readonly commands: readonly string[];
  /** Patterns of keys that are only read. */
  readonly reads: readonly string[];
  readonly keys: readonly string[];
  readonly channels: readonly string[];
};

export const roleNames = [
  'viewer',
  'chat',
  'shipper',
  'consumer',
  'logger',
  'limiter',
  'counter',
  'locker',
  'publisher',
  'subscriber',
  'producer',
  'flusher',
  'syncer',
  'doctor',
] as const;
export type RoleName = (typeof roleNames)[number];

/** What every connection says; a server that refuses INFO or CLIENT SETNAME is used all the same, but knows less. */
const everyone = ['client|setname', 'hello', 'info', 'ping'];

/** What queues of other programs are looked at with. */
const queueReads = [
  ...['exists', 'hexists', 'hget', 'hlen', 'hstrlen', 'lindex', 'llen', 'lrange'],
  ...['scard', 'sismember', 'smembers', 'time', 'zcard', 'zcount'],
];

/** The parts that a role has in the features. */
export async function rolesOf(name: string): Promise<readonly Role[]> {
  const loaded = await Promise.all(Object.values(features).map((load) => load()));
  return loaded.flatMap(({ roles = [] }) => roles).filter((role) => role.name === name);
}

/**
 * @param names what it is for; nothing: all there are. A `*` in a name stands for any text
 * @param redis says whether it is a cluster; it is not asked
 */
export async function rightsOf(redis: Client, name: RoleName, names: readonly string[]): Promise<Rights> {
  const found: Rights[] = [];
  if (name === 'viewer' || name === 'doctor') {
    found.push({
      // What MEMORY USAGE needs is found out by a script of its own.
      commands: [
        'scan',
        'eval',
        'memory|usage',
        'type',
        'zscore',
        ...(name === 'viewer' ? queueReads : []),
        ...(isCluster(redis) && name === 'viewer' ? ['cluster|nodes'] : []),
      ],
      channels: [],
      reads: name === 'viewer' ? ['*'] : [],
      keys: name === 'doctor' ? ['*'] : [],
    });
  }
  for (const role of await rolesOf(name)) found.push(await rightsOfPart(redis, role, names));
  const keys = distinct(found.flatMap((part) => part.keys));
  const commands = [
    ...everyone,
    // Asked before anything else: which servers there are, and whether they work together.
    ...(isCluster(redis) ? ['cluster|info', 'cluster|slots'] : []),
    ...found.flatMap((part) => part.commands),
  ];
  return {
    commands: [...new Set(commands)].sort(),
    reads: distinct(found.flatMap((part) => part.reads)).filter((pattern) => !isCovered(pattern, keys)),
    keys,
    channels: distinct(found.flatMap((part) => part.channels)),
  };
}

async function rightsOfPart(redis: Client, role: Role, names: readonly string[]): Promise<Rights> {
  const patterns = (make: ((redis: Client, name: string) => readonly string[]) | undefined): string[] =>
    make === undefined ? [] : patternsOf((name) => make.call(role, redis, name), names);
  const channels = patterns(role.channels);
  const used = await Promise.all(
    (role.uses ?? []).map(({ role: other, nameOf }) =>
      rightsOf(redis, other as RoleName, names.length === 0 ? [nameOf('*')] : names.map(nameOf)),
    ),
  );
  return {
    commands: [
      ...role.scripts.flatMap(scriptRights),
      ...role.commands.map(asRule),
      ...(channels.length > 0 ? channelCommands(redis, role) : []),
      ...used.flatMap(({ commands }) => commands),
    ],
    reads: [...patterns(role.reads), ...used.flatMap(({ reads }) => reads)],
    keys: [...patterns(role.keys), ...(role.sharedKeys?.(redis) ?? []), ...used.flatMap(({ keys }) => keys)],
    channels: [...channels, ...used.flatMap((part) => part.channels)],
  };
}

function scriptRights(lua: string): readonly string[] {
  const isReading = /^#!lua flags=\S*\bno-writes\b/.test(lua);
  return [...(isReading ? ['eval_ro', 'evalsha_ro'] : ['eval', 'evalsha']), ...commandsIn(lua).map(asRule)];
}

/** Which command it notifies by is given by the caller. */
export function isNotifying(lua: string): boolean {
  return /\bcall\((?!\s*')|\bpcall\((?:ARGV|publish)/.test(lua.replaceAll(/--.*$/gm, ''));
}

function channelCommands(
  redis: Client,
  { scripts, listens, hasPlainChannels = false }: Role,
): readonly string[] {
  const commands = [
    ...(scripts.some(isNotifying) ? ['publish'] : []),
    ...(listens === undefined ? [] : ['subscribe']),
    ...(listens === 'changing' ? ['unsubscribe'] : []),
  ];
  const sharded = { publish: 'spublish', subscribe: 'ssubscribe', unsubscribe: 'sunsubscribe' };
  return isCluster(redis) && !hasPlainChannels
    ? commands.map((name) => sharded[name as keyof typeof sharded])
    : commands;
}

/** A word that no name holds. */
const anyName = 'qd-any-name';

function patternsOf(make: (name: string) => readonly string[], names: readonly string[]): string[] {
  if (names.length > 0) return names.flatMap((name) => make(name).map(escapeGlob));
  // Which part of a name is its hash tag is the name's own: any.
  return make(anyName).map((pattern) => pattern.replaceAll(anyName, '*').replaceAll(/[{}]/g, ''));
}

/** All but `*` means itself. */
function escapeGlob(pattern: string): string {
  return pattern.replaceAll(/[?[\]\\]/g, '\\$&');
}

function asRule(command: string): string {
  return command.toLowerCase().replace(' ', '|');
}

/** Without what another pattern covers. */
function distinct(patterns: readonly string[]): readonly string[] {
  const all = [...new Set(patterns)].sort();
  return all.filter((pattern) => !isCovered(pattern, all));
}

function isCovered(pattern: string, by: readonly string[]): boolean {
  return by.some(
    (other) => other !== pattern && other.endsWith('*') && pattern.startsWith(other.slice(0, -1)),
  );
}

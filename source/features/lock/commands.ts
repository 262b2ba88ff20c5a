import path from 'node:path';
import * as v from 'valibot';
import { UsageError } from '../../errors.ts';
import { listed, registerAll } from '../../redis/registry.ts';
import { passedOver } from '../../redis/scan.ts';
import { formatDuration, namesCutTexts } from '../../ui/format.ts';
import { durationMs, name as nameValue, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flag,
  flagOr,
  named,
  optionalFlag,
  switchFlag,
  word,
} from '../feature.ts';
import { assertTtl, LockLostError, LockNotHeldError } from './errors.ts';
import { breakGuard } from './guards.ts';
import { discoverNames, inspect, inspectAll, unreadableText } from './inspect.ts';
import { lockJson, lockTable } from './list.ts';
import { acquire } from './lock.ts';
import * as printed from './printed.ts';
import { runLocked } from './run.ts';
import { describe, ownerOf } from './token.ts';
import { breakLock, extend, release } from './token-commands.ts';

const lock = named(word('NAME', 'the lock', nameValue), 'lock');
const tokenValue = v.pipe(
  v.string(),
  v.nonEmpty('Expected a token, got nothing'),
  v.maxLength(2048, 'Expected a token of at most 2048 characters'),
);
const token = word('TOKEN', 'what `lock acquire` printed, or $LOCK_TOKEN; `-`: a line of stdin', tokenValue);
const ttl = flagOr('DURATION', 'the lease duration, from 100ms up', durationMs, '10s');
const label = optionalFlag('TEXT', 'what it is held for, shown in the console', nameValue);
const defaultRunWaitMs = 30_000;

const runCommand = defineCommand({
  verb: 'run',
  summary: 'run a command while holding a lock, renewing it, and pass its exit code through',
  words: { name: lock },
  flags: {
    ttl,
    wait: optionalFlag('DURATION', 'wait so long for the lock (30s)', durationMs),
    nonblock: switchFlag('do not wait', { short: 'n' }),
    conflictExitCode: {
      ...flagOr(
        'CODE',
        'the exit code when the lock was not obtained',
        wholeNumber({ min: 0, max: 255 }),
        '1',
      ),
      short: 'E',
    },
    label,
  },
  writes: true,
  takesCommandLine: true,
  supervises: true,
  examples: [
    'quarterdeck lock run deploy:web --ttl 30s -- ./deploy.sh',
    'quarterdeck lock run reindex -n -E 75 -- make reindex',
  ],
  async run(context, input) {
    if (input.nonblock && input.wait !== undefined) {
      throw new UsageError('Expected either -n or --wait, got both', {
        hint: '-n does not wait at all; --wait 0s says the same',
      });
    }
    assertTtl(input.ttl);
    const { config, commandLine, connections } = context;
    const [connection] = connections;
    // A private server has its socket only now; a password never stands in `connection.url`.
    const urls = connection?.kind === 'standalone' ? [connection.url] : config.urls;
    const ran = await runLocked({
      config: { ...config, urls, embedded: false },
      name: input.name,
      ttlMs: input.ttl,
      waitMs: input.nonblock ? 0 : (input.wait ?? defaultRunWaitMs),
      // Not its arguments: they may be secret.
      label: input.label ?? path.basename(commandLine[0] ?? ''),
      commandLine,
    });
    if (ran.name === 'not-obtained') {
      context.progress(await whoHolds(context, input.name));
      return { text: '', exitCode: input.conflictExitCode };
    }
    if (ran.name === 'ran' && ran.wasHeld === false) {
      context.warn(new LockLostError(input.name, 'gone').message);
    }
    if (ran.name === 'ran' && ran.wasHeld === undefined) {
      const within = formatDuration(input.ttl);
      context.warn(
        `Redis did not confirm that lock \`${input.name}\` was released; it ends within ${within}`,
      );
    }
    return { text: '', exitCode: ran.exitCode };
  },
});

const acquireCommand = defineCommand({
  verb: 'acquire',
  summary: 'take a lock and print its token; it ends with its TTL unless extended or released',
  words: { name: lock },
  flags: {
    ttl,
    wait: flagOr('DURATION', 'wait so long for the lock', durationMs, '0s'),
    label,
  },
  prints: printed.acquired,
  writes: true,
  examples: ['quarterdeck lock acquire nightly --ttl 1h --json'],
  async run(context, input) {
    const { redis, config, signal } = context;
    const held = await acquire(redis, input.name, {
      ttlMs: input.ttl,
      waitMs: input.wait,
      rideOutMs: config.timeoutMs,
      label: input.label ?? config.operator,
      signal,
      listen: context.listen,
    });
    const { name, ttl: ttlMs } = input;
    if (!held) {
      const json = { name, token: null, fence: null, ttlMs };
      return { json, text: await whoHolds(context, name), exitCode: 1 };
    }
    const text = `Holding ${name} for ${formatDuration(ttlMs)}, fence ${held.fence}, token ${held.token}`;
    return { json: { name, token: held.token, fence: held.fence, ttlMs }, text };
  },
});

const extendCommand = defineCommand({
  verb: 'extend',
  summary: 'hold a lock for another TTL from now',
  words: { name: lock, token },
  flags: { ttl: flag('DURATION', 'the new lease, from now; from 100ms up', durationMs) },
  prints: printed.extended,
  writes: true,
  async run(context, { name, token: given, ttl: ttlMs }) {
    const { redis } = context;
    const token = await tokenFrom(context, given);
    const held = await extend(redis, name, token, ttlMs);
    if (!held) throw new LockNotHeldError(name, token);
    return {
      json: { name, token, fence: held.fence, ttlMs },
      text: `Holding ${name} for another ${formatDuration(ttlMs)}`,
    };
  },
});

const releaseCommand = defineCommand({
  verb: 'release',
  summary: 'free a lock, and hand it to the next in line',
  words: { name: lock, token },
  prints: printed.released,
  writes: true,
  final: 'it was freed or handed on, and may be held by somebody else',
  async run(context, { name, token: given }) {
    const { redis } = context;
    const token = await tokenFrom(context, given);
    if (!(await release(redis, name, token))) throw new LockNotHeldError(name, token);
    return { json: { name, released: true as const }, text: `Released ${name}` };
  },
});

const breakCommand = defineCommand({
  verb: 'break',
  summary: 'take a lock away from whoever holds it, and hand it to the next in line',
  words: { name: lock },
  flags: { token: optionalFlag('TOKEN', 'only if this token holds it', tokenValue) },
  prints: printed.broken,
  writes: true,
  guard: breakGuard,
  final: 'it was freed or handed on, and its fencing token went up: whoever held it must not go on',
  async run({ redis }, input) {
    const broken = await breakLock(redis, input.name, input.token);
    if (broken === undefined) {
      const text =
        input.token === undefined
          ? `Nobody holds ${input.name}`
          : `${input.name} has changed hands meanwhile`;
      return { json: { name: input.name, broken: false }, text, exitCode: 1 };
    }
    const owner = ownerOf(broken) ?? null;
    return {
      json: { name: input.name, broken: true, owner },
      text: `Broke ${input.name}, held by ${describe(broken)}`,
    };
  },
});

const listCommand = defineCommand({
  verb: 'list',
  summary: 'locks that are held, by whom, and who waits for them',
  flags: { discover: switchFlag('look through all keys for locks that other programs hold') },
  prints: printed.locks,
  writes: false,
  async run(context, input) {
    const { redis, config, signal } = context;
    const found = input.discover ? await discoverNames(redis, signal) : { names: [], passedOver: [] };
    const known = await listed(redis, 'lock');
    const names = new Set([...known.names, ...found.names]);
    // The table says who is next; JSON has them all.
    const most = config.json ? undefined : 1;
    const { locks, unreadable, cuts } = await inspectAll(redis, [...names], most);
    if (!config.readOnly && found.names.length > 0) {
      const there = new Set(locks.map(({ name }) => name));
      await registerAll(
        redis,
        'lock',
        found.names.filter((name) => there.has(name)),
      );
    }
    const passed = passedOver(found.passedOver, 'a lock');
    if (passed !== undefined) context.warn(passed);
    for (const text of [...namesCutTexts(known), ...cuts, ...unreadable.map(unreadableText)])
      context.warn(text);
    return { json: locks.map(lockJson), text: lockTable(locks) };
  },
});

export const commands = [
  runCommand,
  acquireCommand,
  extendCommand,
  releaseCommand,
  breakCommand,
  listCommand,
] as const;

/** The words of a command are seen by everybody who may list processes; stdin is not. */
async function tokenFrom({ stdin }: CommandContext, given: string): Promise<string> {
  if (given !== '-') return given;
  for await (const line of stdin()) return line.trim();
  throw new UsageError('Expected a token on stdin, got nothing');
}

async function whoHolds({ redis }: CommandContext, name: string): Promise<string> {
  const { locks } = await inspect(redis, [name], { most: 0 });
  const [held] = locks;
  if (held?.token === undefined) return `Lock ${name} was not obtained in time`;
  const left = held.ttlMs === undefined ? 'without a TTL' : `${formatDuration(held.ttlMs)} left`;
  const queue = held.waiting > 0 ? `, ${held.waiting} waiting` : '';
  return `Lock ${name} is held by ${describe(held.token)}, ${left}${queue}`;
}

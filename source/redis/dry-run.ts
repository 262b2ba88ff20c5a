import { createHash } from 'node:crypto';
import type { ChainableCommander, Command } from 'ioredis';
import { QuarterdeckError } from '../errors.ts';
import type { Client } from './client.ts';
import { commandsIn } from './refusals.ts';

/** What a dry run kept back: the command with its keys, and what a script calls. */
export type Withheld = {
  /** Such as `HDEL`; `script` for one. */
  readonly name: string;
  readonly keys: readonly string[];
  /** Its other words, in their order; those of a script without its text. */
  readonly words: readonly string[];
  /** The writing commands in the text of a script. */
  readonly calls: readonly string[];
};

/** The run came to its first write, which was not sent: what it would do with the answer nobody knows. */
export class WithheldError extends QuarterdeckError {
  constructor(name: string) {
    super('usage', 'DRY_RUN', `\`${name}\` was not sent: this is a dry run`, {
      hint: 'Run it without the dry run',
    });
  }
}

export type DryRun = {
  /**
   * Reads as the real one does; whatever may write is kept back. What Redis would answer to a simple one is worked out
   * from what is there; anything else rejects with `WithheldError`.
   */
  readonly client: Client;
  /** In the order they were meant to be sent, up to the first without an answer. */
  readonly withheld: readonly Withheld[];
  /** Whether one had no answer, so that what would come after it is not known. */
  isCut(): boolean;
};

/** What changes nothing. All that is not named here is taken for a write. */
const reading = new Set(
  [
    'get mget getrange strlen exists type ttl pttl expiretime pexpiretime object memory touch',
    'hget hmget hgetall hlen hexists hscan hkeys hvals hstrlen',
    'zscore zmscore zcard zcount zrank zrevrank zrange zrevrange zrangebyscore zrevrangebyscore zscan',
    'lrange llen lindex smembers sismember smismember scard sscan xrange xrevrange xlen xinfo',
    'scan dbsize info time ping echo command cluster role acl eval_ro evalsha_ro subscribe unsubscribe ssubscribe',
  ]
    .join(' ')
    .split(' '),
);
/** Of these only the named subcommands are harmless. */
const subcommands: Readonly<Record<string, ReadonlySet<string>>> = {
  acl: new Set(['whoami', 'getuser', 'dryrun', 'cat', 'list']),
  cluster: new Set(['slots', 'shards', 'nodes', 'info', 'keyslot', 'myid']),
  object: new Set(['encoding', 'freq', 'idletime', 'refcount']),
  memory: new Set(['usage', 'stats']),
  script: new Set(['exists']),
};
/** What Redis would answer to these, worked out from what is there. */
const answers: Readonly<Record<string, (client: Client, args: readonly string[]) => Promise<number>>> = {
  del: async (client, keys) => await client.exists(...keys),
  unlink: async (client, keys) => await client.exists(...keys),
  zadd: async (client, [key = '', ...pairs]) =>
    (await client.zmscore(key, ...pairs.filter((_, index) => index % 2 === 1))).filter(
      (score) => score === null,
    ).length,
  hdel: async (client, [key = '', ...fields]) =>
    (await client.hmget(key, ...fields)).filter((value) => value !== null).length,
  zrem: async (client, [key = '', ...members]) =>
    (await client.zmscore(key, ...members)).filter((score) => score !== null).length,
};
const noWrites = /^#!lua flags=\S*\bno-writes\b/;

/**
 * A client over the connection of another that sends nothing that may write, also in pipelines and on the nodes of a
 * cluster. Made for one run, and then left.
 */
export function dryRun(real: Client): DryRun {
  const withheld: Withheld[] = [];
  let isCut = false;
  /** What comes now is the tidying up after a failure, which is none. */
  let isOver = false;
  /** Texts by digest, as scripts are sent once whole and then by their digest. */
  const texts = new Map<string, string>();

  const textOf = ({ name, args }: Command): string => {
    const [first] = args;
    if (name.startsWith('evalsha')) return texts.get(String(first)) ?? '';
    const text = String(first);
    texts.set(createHash('sha1').update(text).digest('hex'), text);
    return text;
  };
  const isScript = ({ name }: Command): boolean => name === 'eval' || name === 'evalsha';
  const isReading = (command: Command): boolean => {
    if (isScript(command)) return noWrites.test(textOf(command));
    const known = subcommands[command.name];
    if (known) return known.has(String(command.args[0]).toLowerCase());
    return reading.has(command.name);
  };
  const cut = (): void => {
    isCut = true;
    queueMicrotask(() => {
      isOver = true;
    });
  };
  const keep = (command: Command): void => {
    if (isOver) return;
    const args = command.args.map(String);
    if (!isScript(command)) {
      const keys = command.getKeys().map(String);
      const isKey = new Set(keys);
      const words = args.filter((word) => !isKey.has(word));
      withheld.push({ name: command.name.toUpperCase(), keys, words, calls: [] });
      return;
    }
    const [, count = '0', ...rest] = args;
    const keys = rest.slice(0, Number(count));
    const calls = commandsIn(textOf(command)).filter(
      (call) => !reading.has(call.split(' ')[0]?.toLowerCase() ?? ''),
    );
    withheld.push({ name: 'script', keys, words: rest.slice(Number(count)), calls });
  };

  /** Neither could be looked through, and no command of ours needs them. */
  const refuse = (): never => {
    throw new WithheldError('multi');
  };
  const over = (client: Client): Client => {
    const own: Client = Object.create(client);
    const pipe = (): ChainableCommander => {
      const commands: Command[] = [];
      const pipeline = client.pipeline();
      const send: unknown = Reflect.get(pipeline, 'sendCommand');
      if (typeof send !== 'function') return refuse();
      const exec = pipeline.exec.bind(pipeline);
      return Object.assign(pipeline, {
        sendCommand(command: Command) {
          commands.push(command);
          return Reflect.apply(send, pipeline, [command]);
        },
        async exec() {
          const writes = commands.filter((command) => !isReading(command));
          const [first] = writes;
          if (!first) return await exec();
          for (const command of writes) keep(command);
          cut();
          throw new WithheldError(first.name);
        },
      });
    };
    Object.defineProperties(own, {
      // A batch would be shared with what is really sent in the same tick.
      options: { value: { ...client.options, enableAutoPipelining: false } },
      sendCommand: {
        value(command: Command, ...rest: never[]) {
          if (isReading(command)) return client.sendCommand(command, ...rest);
          keep(command);
          const isPlain = command.name !== 'zadd' || Number.isFinite(Number(command.args[1]));
          const answer = isOver || !isPlain ? undefined : answers[command.name];
          if (answer) {
            answer(client, command.args.map(String)).then(command.resolve, command.reject);
          } else {
            cut();
            command.reject(new WithheldError(command.name));
          }
          return command.promise;
        },
      },
      pipeline: { value: pipe },
      multi: { value: refuse },
      duplicate: { value: refuse },
    });
    if ('nodes' in client) {
      Object.defineProperty(own, 'nodes', {
        value: (role: 'all' | 'master' | 'slave') => client.nodes(role).map(over),
      });
    }
    return own;
  };
  return { client: over(real), withheld, isCut: () => isCut };
}

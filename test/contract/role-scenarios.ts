import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Cluster, Redis } from 'ioredis';

/** How a scenario runs commands: as the role, or as a user who may do anything. */
export type Stage = {
  /** Runs a command as the role and gives what it printed; anything but exit 0 or 1 fails. */
  does(words: string, stdin?: string): Promise<string>;
  /** The same, and that there is no such thing is no failure. */
  tries(words: string): Promise<unknown>;
  /** The same, with a process of its own. */
  starts(words: string): Promise<string>;
  /** Opens the console for as long as this takes. */
  opens(act: () => Promise<void>): Promise<void>;
  /** Runs it until it ends, or is ended. */
  begins(words: string): { readonly ended: Promise<unknown>; stop(): Promise<unknown> };
  /** As a user who may do anything. */
  other(words: string, stdin?: string): Promise<string>;
  /** What a key of one thing is called here: of `chat:*` and `ops`, `chat:ops` or, on a Cluster, `chat:{ops}`. */
  key(pattern: string, name: string): string;
  /** How many connections listen to the channel that is called so. */
  heard(pattern: string, name: string): Promise<number>;
  readonly admin: Redis | Cluster;
  readonly folder: string;
};

export type Scenario = {
  readonly names: readonly string[];
  /** All that the role is for. */
  act(stage: Stage): Promise<void>;
  /** What it may not do. */
  readonly refused: string;
};

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
};

const readsOfAll = [
  'chat list',
  'log list',
  'limit list',
  'lock list',
  'topic status',
  'buffer pending',
  'hits list',
  'sync status',
  'ship aside',
  'ship status',
  'shards status',
];

/** Keys that lead to each command by which queues of other programs are looked at. */
async function fillQueues(admin: Redis | Cluster): Promise<void> {
  await admin.hset('bull:mail:meta', 'opts.maxLenEvents', '10000');
  await admin.lpush('bull:mail:wait', '1');
  await admin.hset('bull:mail:1', 'timestamp', '1700000000000');
  await admin.lpush('bull:mail:active', '0');
  await admin.sadd('rq:queues', 'rq:queue:low');
  await admin.rpush('rq:queue:low', 'a');
  await admin.sadd('rq:workers', 'rq:worker:w');
  await admin.sadd('_kombu.binding.celery', 'celery\u0006\u0016\u0006\u0016celery');
  await admin.rpush('celery', '{}');
  await admin.hset('unacked', 'tag', '[]');
  await admin.rpush('asynq:{low}:pending', 'a');
  await admin.zadd('asynq:servers', 1, 's');
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  viewer: {
    names: [],
    async act({ does, opens, other, admin, key, heard }) {
      await other('chat create fleeting --members zed');
      await opens(async () => {
        await until(async () => (await heard('chat:*', 'fleeting')) > 0);
        await other('chat leave fleeting --as zed');
        await until(async () => (await heard('chat:*', 'fleeting')) === 0);
      });
      await fillQueues(admin);
      for (const words of [...readsOfAll, 'queue list']) await does(words);
      await does('chat read ops --as bob --peek');
      await does('log common app');
      await does('log recent app');
      await does('hits series visits');
      await does('hits sum visits');
      await does('buffer aside project');
      // One that no index has yet.
      await admin.set(key('limit:*:fixed:60000', 'found'), '1', 'PX', 60_000);
      for (const noun of ['chat', 'limit', 'lock', 'buffer', 'hits', 'log'])
        await does(`${noun} ${noun === 'buffer' ? 'pending' : 'list'} --discover --read-only`);
      await does('snapshot --json');
      await does('snapshot');
      await does('doctor');
    },
    refused: 'chat send ops hello --as ann',
  },
  chat: {
    names: ['ops'],
    async act({ does, begins, other, admin, key, heard }) {
      await does('chat create ops --members ann,bob');
      await does('chat send ops hello --as ann');
      await does('chat send ops - --as ann', 'one\ntwo\n');
      await does('chat read ops --as bob --peek');
      await does('chat read ops --as bob');
      await does('chat join ops --as dan');
      const tail = begins('chat tail ops --as dan --json');
      await until(async () => (await heard('chat:*', 'ops')) > 0);
      await does('chat send ops again --as ann');
      await until(async () => Number(await admin.zscore(key('chat:*', 'ops'), 'dan')) > 1);
      await tail.stop();
      const shared = await does('chat share ops look --as ann --json', await other('snapshot --format json'));
      await does(`chat frame ops ${(JSON.parse(shared) as { frame: string }).frame}`);
      await does('chat pin ops 1 --as bob --copy {"at":1,"sender":"ann","message":"hi"}');
      await does('chat pins ops');
      await does('chat here ops --as ann');
      await does('chat who ops');
      await does('chat unpin ops 1 --as bob');
      await does('chat list');
      for (const name of ['dan', 'ann', 'bob']) await does(`chat leave ops --as ${name}`);
    },
    refused: 'chat create elsewhere --members ann',
  },
  logger: {
    names: ['app'],
    async act({ does, tries, admin, key }) {
      await does('log write app -', 'one 1\ntwo 2\none 3\n');
      await does('log write app --severity error failed');
      // The hour is over.
      await admin.set(key('common:*:start', 'app:info'), '2020-01-01T00:00:00');
      await does('log write app after');
      await does('log common app');
      await does('log recent app');
      await tries('log common app --severity debug');
      await does('log list');
    },
    refused: 'log write elsewhere hello',
  },
  limiter: {
    names: ['ann'],
    async act({ does }) {
      for (const algorithm of ['fixed', 'sliding', 'gcra']) {
        const words = `ann --max 1 --per 1m --algorithm ${algorithm}`;
        for (const verb of ['hit', 'hit', 'peek']) await does(`limit ${verb} ${words}`);
      }
      await does('limit list');
      const { undo } = JSON.parse(await does('limit reset ann --json')) as { undo: string };
      await does('limit hit ann --max 1 --per 1m --algorithm gcra');
      await does(`limit restore ann ${undo}`);
      await does('limit reset ann');
    },
    refused: 'limit hit elsewhere --max 1 --per 1m',
  },
  counter: {
    names: ['visits'],
    async act({ does }) {
      await does('hits add visits 3');
      await does('hits sum visits');
      await does('hits series visits --step 10s --since 1h');
      await does('hits list');
    },
    refused: 'hits add elsewhere',
  },
  locker: {
    names: ['deploy'],
    async act({ does, starts, begins, admin, key }) {
      const { token } = JSON.parse(await does('lock acquire deploy --ttl 1m --json')) as { token: string };
      const waiter = begins('lock acquire deploy --ttl 1m --wait 30s');
      await until(async () => (await admin.zcard(key('lock-queue:*', 'deploy'))) === 1);
      await does(`lock extend deploy ${token} --ttl 2m`);
      await does('lock list');
      await does(`lock release deploy ${token}`);
      await waiter.ended;
      await does('lock break deploy --yes');
      await starts('lock run deploy -- true');
      // Its holder is gone.
      await does('lock acquire deploy --ttl 100ms');
      await does('lock acquire deploy --ttl 1s --wait 10s');
    },
    refused: 'lock acquire elsewhere',
  },
  publisher: {
    names: ['news'],
    async act({ does, other }) {
      await does('topic publish news a');
      await does('topic publish news -', 'b\nc\n');
      await other('topic subscribe news --as one --until-caught-up');
      await does('topic publish news d --max-age 1h');
    },
    refused: 'topic publish elsewhere hello',
  },
  subscriber: {
    names: ['news'],
    async act({ does, begins, other, admin, key, heard }) {
      await other('topic publish news a');
      await does('topic subscribe news --as one --from start --until-caught-up');
      const live = begins('topic subscribe news --as one --count 1');
      await until(async () => (await heard('topic:msgs:*', 'news')) > 0);
      await other('topic publish news b');
      await live.ended;
      const first = begins('topic subscribe news --as two --from start');
      await until(async () => (await admin.zscore(key('topic:subs:*', 'news'), 'two')) !== null);
      await first.stop();
      await does('topic subscribe news --as two --until-caught-up');
      await other('topic publish news bad');
      await does('topic subscribe news --as two --until-caught-up --exec false --retries 0 --aside 5');
      await does('topic aside news');
      await does('topic retry news two --all');
      await does('topic status news');
      await does('topic drop news two --yes');
    },
    refused: 'topic subscribe elsewhere --as one --until-caught-up',
  },
  producer: {
    names: ['project'],
    async act({ does }) {
      await does('buffer incr project 7 3');
      await does('buffer incr project -', '7\t2\n8\t1\n');
    },
    refused: 'buffer incr elsewhere 1',
  },
  flusher: {
    names: ['project'],
    async act({ does, begins, other, admin, key, folder }) {
      const file = path.join(folder, 'counts.db');
      new DatabaseSync(file).exec(
        "create table project (id text primary key check (id not like 'bad%'), count integer not null default 0)",
      );
      await other('buffer incr project -', '7\t2\nbad1\t1\nbad2\t1\n');
      await does(`buffer flush project --to sqlite:${file}`);
      await does('buffer aside project');
      await does('buffer pending project');
      await does('buffer retry project bad1');
      await does('buffer retry project --all');
      await does(`buffer flush project --to sqlite:${file}`);
      await does('buffer drop project bad2 --yes');
      await does('buffer drop project --all --yes');
      await other('buffer incr project 9');
      const daemon = begins(`buffer flush project --to sqlite:${file} --every 100ms`);
      await until(async () => (await admin.exists(key('pending:*', 'project'))) === 0);
      const next = begins(`buffer flush project --to sqlite:${file} --every 100ms`);
      await until(async () => (await admin.exists(key('lock-queue:*', 'flush:project'))) === 1);
      await daemon.stop();
      await other('buffer incr project 10');
      await until(async () => (await admin.exists(key('pending:*', 'project'))) === 0);
      await next.stop();
    },
    refused: 'buffer drop elsewhere 1 --yes',
  },
  syncer: {
    names: ['new_files'],
    async act({ does, tries, begins, admin, key, folder }) {
      const base = path.join(folder, 'base');
      mkdirSync(base);
      writeFileSync(path.join(base, 'file'), 'content');
      await does(`sync notify file --base ${base}`);
      const target = path.join(folder, 'target');
      const run = begins(`sync run ${base} ${target} --every 100ms`);
      await until(async () => (await does('sync status --json')).includes('"synced":1'));
      const watch = begins(`sync watch ${base}`);
      let count = 0;
      await until(async () => {
        count += 1;
        writeFileSync(path.join(base, 'file'), `changed ${count}`);
        return !(await does('sync status --json')).includes('"synced":1');
      });
      await watch.stop();
      const next = begins(`sync run ${base} ${target} --every 100ms`);
      await until(async () => (await admin.exists(key('lock-queue:*', `sync:${base}>${target}`))) === 1);
      await run.stop();
      await until(async () => (await admin.exists(key('lock-queue:*', `sync:${base}>${target}`))) === 0);
      await next.stop();
      await tries(`sync resume ${base} ${target} --deletes 1 --yes`);
    },
    refused: 'sync notify file --channel elsewhere',
  },
  shipper: {
    names: ['logs:'],
    async act({ does, begins, other, admin, key, folder }) {
      const logs = path.join(folder, 'logs');
      mkdirSync(logs);
      writeFileSync(path.join(logs, 'a.log'), 'one line\n'.repeat(500));
      const ship = `ship run ${logs} --channel logs: --consumers 1 --budget 1MiB --part 64KiB`;
      const first = begins(`${ship} --follow`);
      await until(async () => (await admin.hlen(key('ship-parts:*', 'logs:'))) > 0);
      await first.stop();
      const second = begins(ship);
      await other(`ship consume logs: --as 0 --out ${path.join(folder, 'out')}`);
      await second.ended;
      const small = path.join(folder, 'small');
      mkdirSync(small);
      for (let index = 0; index < 6; index += 1)
        writeFileSync(path.join(small, `${index}.log`), 'one line\n');
      const third = begins(`ship run ${small} --channel logs: --consumers 1 --budget 1MiB`);
      await until(async () => (await admin.hlen(key('ship-parts:*', 'logs:'))) === 6);
      await other(`ship consume logs: --as 0 --out ${path.join(folder, 'copies')}`);
      await third.ended;
      await does('ship status logs:');
    },
    refused: 'ship run /etc/hosts --channel elsewhere: --consumers 1',
  },
  consumer: {
    names: ['logs:'],
    async act({ begins, does, tries, other, admin, key, folder }) {
      const logs = path.join(folder, 'logs');
      mkdirSync(logs);
      writeFileSync(path.join(logs, 'a.log'), 'one line\n'.repeat(300_000));
      const shipped = other(`ship run ${logs} --channel logs: --consumers 2 --budget 1MiB --part 64KiB`);
      const consumer = begins(`ship consume logs: --as 0 --out ${path.join(folder, 'out')}`);
      // It says that it lives while it waits for the other one, and acknowledges nothing.
      const states = new Map<string | null, Set<string | null>>();
      await until(async () => {
        const cursor = await admin.zscore(key('chat:*', 'logs:'), '0');
        const state = await admin.hget(key('ship-who:*', 'logs:'), 'c:0');
        const seen = states.get(cursor)?.add(state) ?? new Set([state]);
        states.set(cursor, seen);
        return seen.size > 3;
      });
      await other(`ship consume logs: --as 1 --out ${path.join(folder, 'other')}`);
      await Promise.all([shipped, consumer.ended]);

      const small = path.join(folder, 'small');
      mkdirSync(small);
      for (const name of ['a.log', 'b.log', 'c.log', 'd.log'])
        writeFileSync(path.join(small, name), 'one line\n');
      const again = other(`ship run ${small} --channel logs: --consumers 1 --budget 1MiB`);
      await until(async () => (await admin.hlen(key('ship-parts:*', 'logs:'))) === 4);
      await tries('ship consume logs: --as 0 --retries 0 --exec false');
      await does('ship aside logs:');
      await does('ship retry logs: 0 a.log');
      await does('ship drop logs: 0 b.log --yes');
      await does('ship retry logs: 0 --all');
      await does(`ship consume logs: --as 0 --out ${path.join(folder, 'copies')}`);
      await again;
    },
    refused: 'ship consume elsewhere: --as 0',
  },
  doctor: {
    names: [],
    async act({ does, admin, key }) {
      await admin.set(key('limit:*:fixed:60000', 'stuck'), '1');
      await admin.hset(key('hits:*:1h:2020-01-01', 'stuck'), '1', '1');
      await admin.zadd(key('common:*', 'stuck:info'), 1, 'line');
      await admin.set(key('*gone.log:done', 'logs:'), '1');
      await admin.zadd(key('pending:*', 'stuck'), 1, 'id');
      await admin.set(key('lock-queue:*', 'odd'), 'x');
      await admin.zadd('quarterdeck:lock', 1, 'odd');
      await admin.set(key('ship-stage:*:AAAAAAAAAAAA:3', 'kept:'), 'x');
      // A room whose only message everybody has seen.
      await admin.zadd(key('chat:*', 'seen'), 5, 'ann');
      await admin.zadd(
        key('msgs:*', 'seen'),
        1,
        JSON.stringify({ id: 1, ts: 1, sender: 'ann', message: 'hello' }),
      );
      await does('doctor --fix');
      await does('doctor');
    },
    refused: 'chat send ops hello --as ann',
  },
};

import { beforeEach, expect, test } from 'vitest';
import { type Run, run } from '../helpers/cli.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';

const server = await redisForThisFile('--appendonly', 'yes');
beforeEach(() => server.client().flushall());

type Finding = { code: string; severity: string; key: string; message: string; fix: string };

const doctor = (...flags: string[]): Promise<Run> => run(['doctor', '--json', ...flags], { url: server.url });
const found = ({ stdout }: Run): Finding[] => JSON.parse(stdout) as Finding[];

test('a healthy server is exit 0 with nothing found', async () => {
  await run(['chat', 'create', 'ops', '--members', 'ann,bob'], { url: server.url });
  await run(['chat', 'send', 'ops', 'hello', '--as', 'ann'], { url: server.url });
  const healthy = await doctor();
  expect(found(healthy)).toEqual([]);
  expect(healthy.code).toBe(0);
});

test('ghost members, untrimmed messages and silent members of rooms the book wrote', async () => {
  const redis = server.client();
  const stored = (id: number, ts: number): string => JSON.stringify({ id, ts, sender: 'joe', message: 'hi' });
  await redis.zadd('chat:old', 2, 'joe', 2, 'ghost', 2, 'idler');
  for (const member of ['joe', 'idler']) await redis.zadd(`seen:${member}`, 2, 'old');
  for (const id of [1, 2, 3]) await redis.zadd('msgs:old', id, stored(id, 1_700_000_000));
  await redis.set('ids:old', 3);

  const first = await doctor();
  expect(first.code).toBe(1);
  expect(found(first).map(({ code, key }) => [code, key])).toEqual(
    expect.arrayContaining([
      ['GHOST_MEMBER', 'chat:old'],
      ['UNTRIMMED_MESSAGES', 'msgs:old'],
    ]),
  );
  const fixed = await doctor('--fix');
  expect(fixed.code).toBe(1);
  expect(await redis.zrange('msgs:old', '0', '-1')).toEqual([stored(3, 1_700_000_000)]);
  const after = found(await doctor());
  expect(after.map(({ code }) => code)).not.toContain('UNTRIMMED_MESSAGES');
  expect(after.filter(({ code }) => code === 'SILENT_MEMBER').length).toBeGreaterThan(0);
});

test('an eviction policy that drops what nobody may lose, and a server that keeps nothing', async () => {
  const careless = await startRedis('--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru');
  try {
    const { code, stdout } = await run(['doctor', '--json'], { url: careless.url });
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as Finding[]).map((finding) => finding.code)).toEqual([
      'EVICTION',
      'NOT_PERSISTENT',
    ]);
  } finally {
    await careless.close();
  }
});

test('it may look but not mend in a read-only session', async () => {
  expect((await doctor('--read-only')).code).toBe(0);
  expect((await doctor('--read-only', '--fix')).code).toBe(2);
});

test('what this user may not ask is not checked, and said; the rest is', async () => {
  const redis = server.client();
  await redis.call(
    'ACL',
    'SETUSER',
    'least',
    'on',
    '>secret',
    '~*',
    '&*',
    '+@all',
    '-info',
    '-memory',
    '-eval',
    '-evalsha',
    '-eval_ro',
    '-evalsha_ro',
    '-acl',
  );
  await run(['topic', 'publish', 'news', 'hello'], { url: server.url });
  await run(['chat', 'create', 'ops', '--members', 'ann,bob'], { url: server.url });
  await redis.set('lock:forgotten', 'x');
  const env = { QUARTERDECK_PASSWORD: 'secret', QUARTERDECK_USER: 'least' };
  const asked = await run(['doctor', '--json'], { url: server.url, env });
  expect(asked).toMatchObject({ code: 1, stderr: '' });
  const findings = found(asked).map(({ code, key }) => [code, key]);
  expect(findings).toEqual(
    expect.arrayContaining([
      ['MEMORY_UNKNOWN', server.socket],
      ['NOT_CHECKED', server.socket],
      ['NOT_CHECKED', 'topic'],
      ['LOCK_WITHOUT_TTL', 'lock:forgotten'],
    ]),
  );
});

test('what very many keys have alike is listed for the first of them, and counted for the others', async () => {
  await server.client().eval("for i = 1, 10050 do redis.call('SET', 'lock:' .. i, 'somebody') end", 0);
  const { code, stdout } = await run(['doctor', '--json'], { url: server.url });
  const findings = JSON.parse(stdout) as Finding[];
  expect(code).toBe(1);
  expect(findings.filter(({ code: each }) => each === 'LOCK_WITHOUT_TTL')).toHaveLength(10_000);
  expect(findings.filter(({ code: each }) => each === 'MORE_FOUND')).toEqual([
    expect.objectContaining({
      key: 'lock',
      severity: 'error',
      message: '50 more of LOCK_WITHOUT_TTL were found in lock, and are not listed',
    }),
  ]);
});

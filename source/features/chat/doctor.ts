import type { Client } from '../../redis/client.ts';
import { isCluster } from '../../redis/client.ts';
import type { Doctor, Finding } from '../feature.ts';
import { roomKeys, roomOf, seenKey } from './keys.ts';
import { parseEntries } from './message.ts';

/** A member this far behind is more likely gone than slow. */
const silentAfterMs = 24 * 3_600_000;

/** Members who are not there any more, and messages kept for nobody. */
export const doctor: Doctor = {
  claims: (key) => key.startsWith('chat:'),
  async examine(redis, keys) {
    const rooms = keys.flatMap((key) => roomOf(redis, key) ?? []);
    const findings = await Promise.all(rooms.map((room) => examineRoom(redis, room)));
    return findings.flat();
  },
};

async function examineRoom(redis: Client, room: string): Promise<Finding[]> {
  const keys = roomKeys(redis, room);
  const types = await Promise.all([redis.type(keys.members), redis.type(keys.messages)]);
  if (types[0] === 'none') return [];
  const wrong = types.findIndex((type) => type !== 'zset' && type !== 'none');
  if (wrong !== -1) {
    return [
      {
        code: 'WRONG_TYPE',
        severity: 'warning',
        key: wrong === 0 ? keys.members : keys.messages,
        message: `It is named like ${wrong === 0 ? 'a room' : 'the messages of one'} but holds something else`,
        fix: 'Rename it if a room of that name is wanted',
      },
    ];
  }
  const [cells, oldest, time] = await Promise.all([
    redis.zrange(keys.members, '0', '-1', 'WITHSCORES'),
    redis.zrange(keys.messages, '0', '0', 'WITHSCORES'),
    redis.time(),
  ]);
  const members = pairs(cells);
  const findings: Finding[] = [];
  const slowest = Math.min(...members.map(({ cursor }) => cursor));
  const [first] = parseEntries(oldest);
  const [, firstId] = oldest;

  if (firstId !== undefined && Number(firstId) <= slowest) {
    findings.push({
      code: 'UNTRIMMED_MESSAGES',
      severity: 'warning',
      key: keys.messages,
      message: `It keeps messages from ${firstId} on, which everybody in ${room} has seen up to ${slowest}`,
      fix: '--fix removes what everybody has seen',
      // A member who joins meanwhile starts at the newest id, so nothing unseen can go.
      repair: async () => void (await redis.zremrangebyscore(keys.messages, '-inf', slowest)),
    });
  }
  // In Cluster that index lies in another slot and may lag behind.
  if (!isCluster(redis)) {
    const known = await Promise.all(members.map(({ name }) => redis.zscore(seenKey(name), room)));
    for (const [index, { name, cursor }] of members.entries()) {
      // Who only writes has no list of rooms to read.
      if (known[index] !== null || cursor === Number.POSITIVE_INFINITY) continue;
      findings.push({
        code: 'GHOST_MEMBER',
        severity: 'error',
        key: keys.members,
        message: `${name} is a member of ${room}, but their own list of rooms lacks it: they left while reading`,
        fix: `quarterdeck chat leave ${room} --as ${name}`,
      });
    }
  }
  const sentMs = first && 'at' in first ? first.at : undefined;
  const nowMs = Number(time[0]) * 1000;
  if (sentMs !== undefined && nowMs - sentMs > silentAfterMs && firstId !== undefined) {
    for (const { name, cursor } of members) {
      if (cursor >= Number(firstId)) continue;
      findings.push({
        code: 'SILENT_MEMBER',
        severity: 'warning',
        key: keys.members,
        message: `${name} has not read ${room} for more than a day, and keeps its messages from being removed`,
        fix: `If they are gone: quarterdeck chat leave ${room} --as ${name}`,
      });
    }
  }
  return findings;
}

function pairs(cells: readonly string[]): { name: string; cursor: number }[] {
  return Array.from({ length: cells.length / 2 }, (_, index) => {
    const score = cells[index * 2 + 1] ?? '0';
    return {
      name: cells[index * 2] ?? '',
      cursor: score === 'inf' ? Number.POSITIVE_INFINITY : Number(score),
    };
  });
}

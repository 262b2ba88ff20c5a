import { type QuarterdeckError, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { isCluster } from '../../redis/client.ts';
import { keyKinds } from '../../redis/key-types.ts';
import { shellWord } from '../../shell-word.ts';
import type { Doctor, Finding } from '../feature.ts';
import { roomKeys, roomOf, seenKey } from './keys.ts';
import { inspect, oldest } from './room/rooms.ts';

/** A member this far behind is more likely gone than slow. */
const silentAfterMs = 24 * 3_600_000;
const membersAtOnce = 1000;

/** Members who are not there any more, and messages kept for nobody. */
export const doctor: Doctor = {
  kindOf: keyKinds({ 'chat:*': 'zset', 'msgs:*': 'zset', 'ids:*': 'string' }),
  claims: (key) => key.startsWith('chat:'),
  async examine(redis, keys) {
    const rooms = keys.flatMap((key) => roomOf(redis, key) ?? []);
    const findings = await Promise.all(rooms.map((room) => examineRoom(redis, room)));
    return findings.flat();
  },
};

async function examineRoom(redis: Client, room: string): Promise<Finding[]> {
  const keys = roomKeys(redis, room);
  const { rooms, wrong, cuts } = await inspect(redis, [room]);
  const findings = [...wrong.map(unreadable), ...cuts.map((cut) => unexamined(keys.members, cut))];
  const [found] = rooms;
  if (!found) return findings;
  const [first, time] = await Promise.all([oldest(redis, room), redis.time()]);
  const members = found.members.map(({ name, seen, writesOnly }) => ({
    name,
    cursor: writesOnly ? Number.POSITIVE_INFINITY : seen,
  }));
  const slowest = members.reduce((least, { cursor }) => Math.min(least, cursor), Number.POSITIVE_INFINITY);
  const firstId = first?.id;

  // Whoever's cursor cannot be read may not have seen them.
  if (firstId !== undefined && firstId <= slowest && wrong.length === 0) {
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
    const known = await seenBy(redis, room, members);
    for (const [index, { name, cursor }] of members.entries()) {
      // Who only writes has no list of rooms to read.
      if (known[index] !== null || cursor === Number.POSITIVE_INFINITY) continue;
      findings.push({
        code: 'GHOST_MEMBER',
        severity: 'error',
        key: keys.members,
        message: `${name} is a member of ${room}, but their own list of rooms lacks it: they left while reading`,
        fix: `quarterdeck chat leave ${shellWord(room)} --as ${shellWord(name)}`,
      });
    }
  }
  const sentMs = first && 'at' in first ? first.at : undefined;
  const nowMs = Number(time[0]) * 1000;
  if (sentMs !== undefined && nowMs - sentMs > silentAfterMs && firstId !== undefined) {
    for (const { name, cursor } of members) {
      if (cursor >= firstId) continue;
      findings.push({
        code: 'SILENT_MEMBER',
        severity: 'warning',
        key: keys.members,
        message: `${name} has not read ${room} for more than a day, and keeps its messages from being removed`,
        fix: `If they are gone: quarterdeck chat leave ${shellWord(room)} --as ${shellWord(name)}`,
      });
    }
  }
  return findings;
}

/** Where each member stands by their own list of rooms; false where that cannot be read. */
async function seenBy(
  redis: Client,
  room: string,
  members: readonly { readonly name: string }[],
): Promise<(string | null | false)[]> {
  const found: (string | null | false)[] = [];
  for (let from = 0; from < members.length; from += membersAtOnce) {
    const page = members.slice(from, from + membersAtOnce);
    found.push(
      ...(await Promise.all(
        page.map(({ name }) => redis.zscore(seenKey(name), room).catch(() => false as const)),
      )),
    );
  }
  return found;
}

function unexamined(key: string, cut: string): Finding {
  const fix = 'See who writes so much there';
  return {
    code: 'NOT_CHECKED',
    severity: 'warning',
    key,
    message: `${cut}; the others were not examined`,
    fix,
  };
}

function unreadable(error: QuarterdeckError): Finding {
  return {
    code: error instanceof WrongTypeError ? 'WRONG_TYPE' : error.code,
    severity: 'warning',
    key: error instanceof WrongTypeError ? error.key : '',
    message: error.message,
    fix: error.hint ?? 'Rename it if a room of that name is wanted',
  };
}

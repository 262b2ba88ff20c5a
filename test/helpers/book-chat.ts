import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/**
 * The other side of the interop tests: chat as a program that follows the book does it, command by command, with its
 * lock, its order of round trips and its payload as Python's json.dumps writes it. Each client needs its own
 * connection: WATCH and MULTI are used.
 */
export type BookMessage = { id: number; ts: number; sender: string; message: string };

export async function bookCreate(
  redis: Redis,
  sender: string,
  recipients: readonly string[],
  message: string,
  chat?: string,
): Promise<string> {
  const id = chat ?? String(await redis.incr('ids:chat:'));
  const everyone = [...recipients, sender];
  const transaction = redis.multi();
  transaction.zadd(`chat:${id}`, ...everyone.flatMap((member) => [0, member]));
  for (const member of everyone) transaction.zadd(`seen:${member}`, 0, id);
  await transaction.exec();
  await bookSend(redis, id, sender, message);
  return id;
}

export async function bookAcquire(redis: Redis, name: string): Promise<string> {
  const token = randomUUID();
  while ((await redis.setnx(`lock:${name}`, token)) === 0) await wait(1);
  return token;
}

export async function bookRelease(redis: Redis, name: string, token: string): Promise<void> {
  const key = `lock:${name}`;
  await redis.watch(key);
  if ((await redis.get(key)) === token) await redis.multi().del(key).exec();
  else await redis.unwatch();
}

/** `between` runs while the id is taken and the message not stored yet. */
export async function bookSend(
  redis: Redis,
  chat: string,
  sender: string,
  message: string,
  between: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const token = await bookAcquire(redis, `chat:${chat}`);
  const id = await redis.incr(`ids:${chat}`);
  await between();
  await redis.zadd(`msgs:${chat}`, id, pythonJson({ id, ts: Date.now() / 1000, sender, message }));
  await bookRelease(redis, `chat:${chat}`, token);
  return id;
}

/** What is new for this user, by chat; marked as seen at once, as the book does. */
export async function bookFetch(redis: Redis, recipient: string): Promise<Map<string, BookMessage[]>> {
  const flat = await redis.zrange(`seen:${recipient}`, '0', '-1', 'WITHSCORES');
  const news = new Map<string, BookMessage[]>();
  for (let index = 0; index < flat.length; index += 2) {
    const [chat = '', seen = '0'] = flat.slice(index, index + 2);
    const stored = await redis.zrangebyscore(`msgs:${chat}`, Number(seen) + 1, 'inf');
    if (stored.length === 0) continue;
    const messages = stored.map((json) => JSON.parse(json) as BookMessage);
    const last = messages.at(-1)?.id ?? 0;
    await redis.zadd(`chat:${chat}`, last, recipient);
    const [, lowest] = await redis.zrange(`chat:${chat}`, '0', '0', 'WITHSCORES');
    const transaction = redis.multi().zadd(`seen:${recipient}`, last, chat);
    if (lowest !== undefined) transaction.zremrangebyscore(`msgs:${chat}`, 0, lowest);
    await transaction.exec();
    news.set(chat, messages);
  }
  return news;
}

export async function bookJoin(redis: Redis, chat: string, user: string): Promise<void> {
  const id = await redis.get(`ids:${chat}`);
  if (id === null) throw new TypeError('int() argument must be a string or a number, not None');
  await redis.multi().zadd(`chat:${chat}`, id, user).zadd(`seen:${user}`, id, chat).exec();
}

export async function bookLeave(redis: Redis, chat: string, user: string): Promise<void> {
  const replies = await redis
    .multi()
    .zrem(`chat:${chat}`, user)
    .zrem(`seen:${user}`, chat)
    .zcard(`chat:${chat}`)
    .exec();
  if (replies?.[2]?.[1] === 0) {
    await redis.multi().del(`msgs:${chat}`).del(`ids:${chat}`).exec();
    return;
  }
  const [, lowest = '0'] = await redis.zrange(`chat:${chat}`, '0', '0', 'WITHSCORES');
  await redis.zremrangebyscore(`msgs:${chat}`, 0, lowest);
}

/** Spaces after `:` and `,`, and everything beyond ASCII escaped. */
export function pythonJson({ id, ts, sender, message }: BookMessage): string {
  const text = (value: string): string =>
    JSON.stringify(value).replaceAll(
      /[\u007F-\uFFFF]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  return `{"id": ${id}, "ts": ${ts}, "sender": ${text(sender)}, "message": ${text(message)}}`;
}

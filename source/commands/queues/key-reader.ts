import { messageOf } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { isReplyError } from '../../redis/refusals.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';

type Measured = 'list' | 'zset' | 'set' | 'hash';

/** Of a set whose members are read, and of a list of which one element is: names, no payloads. */
const mostMembers = 100;
const mostBytes = 65_536;
const longestId = 1024;
const longestTime = 64;

/**
 * Reads keys that other programs made: their types and lengths, and never a job. Null is what is not known, such as the
 * length of a key of another type, which is passed over, or what the server refused.
 */
export class KeyReader {
  readonly passedOver = new Set<string>();
  /** Sets of names that were not read, as they are too large. */
  readonly tooLarge = new Set<string>();
  /** What the server refused, each once. */
  readonly refusals = new Set<string>();
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Whether there is such a key; one of another type is passed over. */
  async has(key: string, ...types: readonly string[]): Promise<boolean | null> {
    const type = await this.#ask(() => this.#client.type(key));
    if (type === null) return null;
    if (type === 'none') return false;
    if (types.includes(type)) return true;
    this.passedOver.add(key);
    return null;
  }

  /** 0 where there is no key. */
  async length(key: string, type: Measured): Promise<number | null> {
    const isThere = await this.has(key, type);
    return isThere ? await this.#ask(() => this.#lengthOf(key, type)) : isThere === false ? 0 : null;
  }

  /** Null if one of them is not known. */
  async lengths(type: Measured, ...keys: readonly string[]): Promise<number | null> {
    const found = await Promise.all(keys.map((key) => this.length(key, type)));
    return found.reduce((sum, each) => (sum === null || each === null ? null : sum + each), 0);
  }

  async isMember(key: string, member: string): Promise<boolean | null> {
    const isThere = await this.has(key, 'set');
    return isThere ? await this.#ask(async () => (await this.#client.sismember(key, member)) === 1) : isThere;
  }

  async hasField(key: string, field: string): Promise<boolean | null> {
    const isThere = await this.has(key, 'hash');
    return isThere ? await this.#ask(async () => (await this.#client.hexists(key, field)) === 1) : isThere;
  }

  /** As `hasField`, of a key that may be anything: it is not passed over. */
  async isFieldOf(key: string, field: string): Promise<boolean> {
    const type = await this.#ask(() => this.#client.type(key));
    return type === 'hash' && (await this.#ask(() => this.#client.hexists(key, field))) === 1;
  }

  /** Names in a set; null as well where it is too large to be read whole. */
  async members(key: string): Promise<readonly string[] | null> {
    const count = await this.length(key, 'set');
    if (count === null) return null;
    if (count === 0) return [];
    const bytes =
      count > mostMembers ? null : await this.#ask(() => this.#client.memory('USAGE', key, 'SAMPLES', 0));
    if (count > mostMembers || (bytes !== null && bytes > mostBytes)) this.tooLarge.add(key);
    if (bytes === null || bytes > mostBytes) return null;
    return await this.#ask(() => this.#client.smembers(key));
  }

  /** How many members of a set are names of keys that exist: a process of which nothing is left is dead. */
  async alive(key: string): Promise<number | null> {
    const members = await this.members(key);
    if (members === null) return null;
    const found = await Promise.all(members.map((member) => this.#ask(() => this.#client.exists(member))));
    return found.reduce((sum, each) => (sum === null || each === null ? null : sum + each), 0);
  }

  /** How many members of a sorted set have a time as their score, in epoch seconds, that is still to come. */
  async countToCome(key: string): Promise<number | null> {
    const isThere = await this.has(key, 'zset');
    if (!isThere) return isThere === false ? 0 : null;
    const nowMs = await this.#ask(() => serverMs(this.#client));
    if (nowMs === null) return null;
    return await this.#ask(() => this.#client.zcount(key, `(${Math.floor(nowMs / 1000)}`, '+inf'));
  }

  /** The id at one end of a list of ids; not read where what is in it is long, as far as Redis estimates that. */
  async idAt(key: string, index: 0 | -1): Promise<string | null> {
    const length = await this.length(key, 'list');
    if (!length || !(await this.#isShort(key, length))) return null;
    const id = await this.#ask(() => this.#client.lindex(key, index));
    return id !== null && id.length <= longestId ? id : null;
  }

  /** The first ids of a list of them; null as well where what is in it is long. */
  async ids(key: string, most: number): Promise<readonly string[] | null> {
    const length = await this.length(key, 'list');
    if (length === 0) return [];
    if (length === null || !(await this.#isShort(key, length))) return null;
    return await this.#ask(() => this.#client.lrange(key, 0, most - 1));
  }

  async exists(key: string): Promise<boolean | null> {
    const found = await this.#ask(() => this.#client.exists(key));
    return found === null ? null : found > 0;
  }

  /** As far as Redis estimates that. */
  async #isShort(key: string, length: number): Promise<boolean> {
    const bytes = await this.#ask(() => this.#client.memory('USAGE', key));
    return bytes !== null && bytes <= Math.max(mostBytes, length * longestId);
  }

  /** A short field of a hash, such as a time. */
  async shortField(key: string, field: string): Promise<string | null> {
    if (!(await this.has(key, 'hash'))) return null;
    const length = await this.#ask(() => this.#client.hstrlen(key, field));
    if (length === null || length === 0 || length > longestTime) return null;
    return await this.#ask(() => this.#client.hget(key, field));
  }

  #lengthOf(key: string, type: Measured): Promise<number> {
    switch (type) {
      case 'list':
        return this.#client.llen(key);
      case 'zset':
        return this.#client.zcard(key);
      case 'set':
        return this.#client.scard(key);
      case 'hash':
        return this.#client.hlen(key);
    }
  }

  /** One thing that is refused hides nothing else. */
  async #ask<Reply>(send: () => Promise<Reply>): Promise<Reply | null> {
    try {
      return await retryAborted(send, (error) => error);
    } catch (error) {
      if (!isReplyError(error)) throw error;
      this.refusals.add(messageOf(error));
      return null;
    }
  }
}

import fc from 'fast-check';
import { expect } from 'vitest';
import { isMalformed } from '../../source/features/chat/message.ts';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import type { FaultProxy } from '../helpers/fault-proxy.ts';
import { memberNames } from './member-names.ts';

/**
 * One room as it should be, in memory, and the acts that are tried on it and on the real one.
 *
 * `owed` is the promise: what each member has still to be shown. It is kept apart from cursors and stored messages, so
 * that a mistake in those shows.
 */
export class Model {
  lastId = 0;
  members = new Map<string, { seen: number; owed: number[] }>();
  stored = new Map<number, string>();

  get slowest(): number {
    return Math.min(...Array.from(this.members.values(), ({ seen }) => seen));
  }

  trim(): void {
    for (const id of this.stored.keys()) if (id <= this.slowest) this.stored.delete(id);
  }
}

export type Real = {
  readonly redis: ReturnType<FaultProxy['client']>;
  readonly proxy: FaultProxy;
};

type Act = fc.AsyncCommand<Model, Real>;
const room = 'ops';

/** Runs an act of a member; the model says whether it must be refused, and how. */
async function expected<Value>(
  model: Model,
  member: string,
  act: Promise<Value>,
): Promise<Value | undefined> {
  if (model.members.has(member)) return await act;
  const code = model.members.size === 0 ? 'CHAT_UNKNOWN_ROOM' : 'CHAT_NOT_A_MEMBER';
  await expect(act).rejects.toMatchObject({ code });
  return undefined;
}

class Create implements Act {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  check = () => true;
  async run(model: Model, { redis }: Real): Promise<void> {
    await create(redis, room, [this.name]);
    if (!model.members.has(this.name)) model.members.set(this.name, { seen: model.lastId, owed: [] });
  }
  toString = () => `create(${this.name})`;
}

class Join implements Act {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  check = () => true;
  async run(model: Model, { redis }: Real): Promise<void> {
    if (model.members.size === 0) {
      await expect(join(redis, room, this.name)).rejects.toMatchObject({ code: 'CHAT_UNKNOWN_ROOM' });
      return;
    }
    await join(redis, room, this.name);
    if (!model.members.has(this.name)) model.members.set(this.name, { seen: model.lastId, owed: [] });
    await join(redis, room, this.name);
    expect((await memberNames(redis, room)).toSorted()).toEqual([...model.members.keys()].toSorted());
  }
  toString = () => `join(${this.name})`;
}

class Leave implements Act {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  check = () => true;
  async run(model: Model, { redis }: Real): Promise<void> {
    const stay = await expected(model, this.name, leave(redis, room, this.name));
    if (stay === undefined) return;
    model.members.delete(this.name);
    expect(stay).toBe(model.members.size);
    expect((await memberNames(redis, room)).toSorted()).toEqual([...model.members.keys()].toSorted());
    if (model.members.size > 0) model.trim();
    else {
      model.stored.clear();
      model.lastId = 0;
    }
  }
  toString = () => `leave(${this.name})`;
}

class Send implements Act {
  readonly name: string;
  readonly text: string;
  readonly isReplyLost: boolean;
  constructor(name: string, text: string, isReplyLost: boolean) {
    this.name = name;
    this.text = text;
    this.isReplyLost = isReplyLost;
  }
  check = () => true;
  async run(model: Model, { redis, proxy }: Real): Promise<void> {
    const text = `${this.text} #${model.lastId + 1}`;
    const lost = this.isReplyLost ? proxy.swallowReplyTo(`#${model.lastId + 1}"`) : undefined;
    const sent = await expected(model, this.name, send(redis, room, this.name, text));
    await lost;
    if (!sent) return;
    model.trim();
    model.lastId += 1;
    expect(sent.id).toBe(model.lastId);
    model.stored.set(model.lastId, text);
    for (const [name, member] of model.members) {
      if (name === this.name && member.seen === model.lastId - 1) member.seen = model.lastId;
      else member.owed.push(model.lastId);
    }
  }
  toString = () =>
    `send(${this.name}, ${JSON.stringify(this.text)}${this.isReplyLost ? ', reply lost' : ''})`;
}

/** Reads up to `limit` and marks it, or crashes in between. */
class Fetch implements Act {
  readonly name: string;
  readonly limit: number;
  readonly isCrash: boolean;
  constructor(name: string, limit: number, isCrash: boolean) {
    this.name = name;
    this.limit = limit;
    this.isCrash = isCrash;
  }
  check = () => true;
  async run(model: Model, { redis }: Real): Promise<void> {
    const found = await expected(model, this.name, pending(redis, room, this.name, { limit: this.limit }));
    const member = model.members.get(this.name);
    if (!found || !member) return;
    expect(found.seen).toBe(member.seen);
    expect(found.entries.map(({ id }) => id)).toEqual(member.owed.slice(0, this.limit));
    for (const entry of found.entries) {
      expect(isMalformed(entry) ? undefined : entry.message).toBe(model.stored.get(entry.id));
    }
    const last = found.entries.at(-1)?.id;
    if (this.isCrash || last === undefined) return;
    expect(await ack(redis, room, this.name, last)).toBe(last);
    member.seen = last;
    member.owed = member.owed.filter((id) => id > last);
    model.trim();
  }
  toString = () => `fetch(${this.name}, ${this.limit}${this.isCrash ? ', crash' : ''})`;
}

/** A mark that comes late or is too bold. */
class Ack implements Act {
  readonly name: string;
  readonly offset: number;
  constructor(name: string, offset: number) {
    this.name = name;
    this.offset = offset;
  }
  check = () => true;
  async run(model: Model, { redis }: Real): Promise<void> {
    const id = Math.max(0, model.lastId + this.offset);
    const seen = await expected(model, this.name, ack(redis, room, this.name, id));
    const member = model.members.get(this.name);
    if (!member) return;
    member.seen = Math.max(member.seen, Math.min(id, model.lastId));
    member.owed = member.owed.filter((owed) => owed > member.seen);
    expect(seen).toBe(member.seen);
    model.trim();
  }
  toString = () => `ack(${this.name}, last ${this.offset})`;
}

/** Looks at everything Redis holds and compares. */
class Inspect implements Act {
  check = () => true;
  async run(model: Model, { redis }: Real): Promise<void> {
    const cursors = await redis.zrange('chat:ops', '0', '-1', 'WITHSCORES');
    const wanted = Array.from(model.members, ([name, { seen }]) => [name, String(seen)]);
    expect(pairs(cursors).toSorted()).toEqual(wanted.toSorted());
    const stored = await redis.zrange('msgs:ops', '0', '-1', 'WITHSCORES');
    expect(pairs(stored).map(([, id]) => Number(id))).toEqual([...model.stored.keys()]);
    for (const name of ['ann', 'bob', 'eve']) {
      const seen = await redis.zscore(`seen:${name}`, room);
      expect(seen).toBe(model.members.has(name) ? String(model.members.get(name)?.seen) : null);
    }
  }
  toString = () => 'inspect';
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((member, index) => (index % 2 === 0 ? [[member, flat[index + 1] ?? '']] : []));
}

const member = fc.constantFrom('ann', 'bob', 'eve');
const text = fc.string({ unit: 'grapheme', maxLength: 20 });

/** At most `maxCommands` acts in random order; about one send in twenty loses its reply. */
export function acts(maxCommands: number) {
  return fc.commands(
    [
      member.map((name) => new Create(name)),
      member.map((name) => new Join(name)),
      member.map((name) => new Leave(name)),
      fc.tuple(member, text, fc.constant(false)).map((given) => new Send(...given)),
      fc
        .tuple(
          member,
          text,
          fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
        )
        .map((given) => new Send(...given)),
      fc.tuple(member, fc.integer({ min: 1, max: 5 }), fc.boolean()).map((given) => new Fetch(...given)),
      fc.tuple(member, fc.integer({ min: -5, max: 5 })).map((given) => new Ack(...given)),
      fc.constant(new Inspect()),
    ],
    { maxCommands, size: 'max' },
  );
}

import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { register } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import announceLua from './announce.lua';
import beatLua from './beat.lua';
import { type Bell, startBell } from './bell.ts';
import { allotment, aroundCost, recordCost, stringCost, type Terms, unchargedRecords } from './cost.ts';
import {
  BudgetTooSmallError,
  FileOwnedError,
  KeyTakenError,
  NoConsumersError,
  ShipperFencedError,
  TermsDifferError,
} from './errors.ts';
import finishLua from './finish.lua';
import {
  type ChannelKeys,
  channelKeys,
  counterKey,
  dataKey,
  messageBell,
  publishCommand,
  roomBell,
  seenKeys,
  stageKey,
} from './keys.ts';
import leaveLua from './leave.lua';
import { type Entry, type FileRecord, parseEntry, parseProcess, parseRecord, scanHash } from './ledger.ts';
import openLua from './open.lua';
import { beatMs, isGone, leaseMs, makeToken, placeOf, self } from './process.ts';
import releaseLua from './release.lua';
import reserveLua from './reserve.lua';
import sweepLua from './sweep.lua';

/**
 * One shipper's place on a channel: its token fences everything it writes. Every call may be sent twice.
 */
export class ShipSession {
  readonly keys: ChannelKeys;
  readonly token = makeToken();
  readonly terms: Terms;
  readonly rooms: ReturnType<typeof allotment>;
  /** What was announced and is not known to be freed. */
  readonly outstanding = new Set<string>();
  /** Told with every sign of life. */
  news: { files: number; bytes: number; follow: boolean } = { files: 0, bytes: 0, follow: false };
  /** Time spent waiting for room. */
  waitedMs = 0;
  /** When the wait in progress began. */
  waitingSinceMs: number | undefined;
  usedBytes = 0;
  /** Nobody else was shipping here when it came. */
  isAlone = true;
  readonly #redis: Client;
  readonly #channel: string;
  readonly #signal: AbortSignal;
  readonly #bell: Bell;
  readonly #alive = new Map<string, number>();
  #stages = 0;
  #timer: NodeJS.Timeout | undefined;
  #isFenced = false;
  #isBeating = false;
  #swept = 0;

  private constructor(
    redis: Client,
    channel: string,
    terms: Terms,
    signal: AbortSignal,
    listen?: () => Client,
  ) {
    this.#redis = redis;
    this.#channel = channel;
    this.#signal = signal;
    this.keys = channelKeys(redis, channel);
    this.terms = terms;
    this.rooms = allotment(terms);
    this.#bell = startBell(listen, roomBell(this.keys));
  }

  /**
   * Joins the channel's live run, resumes one that was cut short, or begins a new one; gives back what shippers that
   * are gone had reserved.
   * @throws {BudgetTooSmallError | TermsDifferError | WrongTypeError}
   */
  static async open(
    redis: Client,
    channel: string,
    terms: Terms,
    { signal, listen }: { signal: AbortSignal; listen?: (() => Client) | undefined },
  ): Promise<ShipSession> {
    const { least } = allotment(terms);
    if (terms.budgetBytes < least)
      throw new BudgetTooSmallError(terms.budgetBytes, least, `one part of ${terms.partBytes} bytes`);
    const session = new ShipSession(redis, channel, terms, signal, listen);
    try {
      await session.#enter();
    } catch (error) {
      session.stop();
      throw error;
    }
    return session;
  }

  async #enter(): Promise<void> {
    const { keys, token, terms, rooms } = this;
    const redis = this.#redis;
    const type = await redis.type(keys.who);
    if (type !== 'none' && type !== 'hash') throw new WrongTypeError(keys.who, 'hash');
    const gone: string[] = [];
    for await (const [field, json] of scanHash(redis, keys.who)) {
      const found = parseProcess(json);
      if (field.startsWith('s:') && found && isGone(found)) gone.push(field.slice(2));
    }
    const ids = Array.from({ length: terms.consumers }, (_, id) => String(id));
    const seen = seenKeys(redis, ...ids);
    const reply = await openScript(
      redis,
      [keys.settings, keys.parts, keys.files, keys.who, keys.members, keys.messages, keys.ids, ...seen],
      [
        this.#channel,
        token,
        JSON.stringify({ ...self, token }),
        leaseMs,
        ` ${gone.join(' ')} `,
        `${Date.now()}-${token}`,
        terms.budgetBytes,
        rooms.base,
        rooms.each,
        rooms.least,
        rooms.windowBytes,
        terms.consumers,
      ],
    );
    if (reply[0] === 'type') throw new WrongTypeError(String(reply[1]), String(reply[2]));
    if (reply[0] === 'differs') {
      const what = reply[1] === 'budget' ? 'budget' : 'consumers';
      const ours = what === 'budget' ? terms.budgetBytes : terms.consumers;
      throw new TermsDifferError(this.#channel, what, ours, Number(reply[2]));
    }
    this.isAlone = reply[0] !== 'joined';
    await register(redis, 'ship', this.#channel);
    await this.#adopt();
    this.#timer = setInterval(() => {
      this.#beat().catch(() => {});
    }, beatMs);
  }

  /** Parts in the ledger: those announced are watched over, those of shippers that are gone are given back. */
  async #adopt(): Promise<void> {
    const stale: Entry[] = [];
    for await (const [part, json] of scanHash(this.#redis, this.keys.parts)) {
      const entry = parseEntry(json);
      if (entry?.id !== undefined) this.outstanding.add(part);
      else if (entry) stale.push({ ...entry, file: part });
    }
    await this.#release(stale.map(({ file, stage }) => ({ part: file, stage: stage ?? '' })));
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const { keys, token } = this;
    const reply = await beatScript(
      this.#redis,
      [keys.settings, keys.who],
      [`s:${token}`, token, JSON.stringify(this.news), leaseMs],
    );
    if (reply === 0) this.#isFenced = true;
    else await this.sweep();
    this.#isBeating = false;
  }

  /** How far each file is, from this run. */
  async records(): Promise<Map<string, FileRecord>> {
    const records = new Map<string, FileRecord>();
    for await (const [name, json] of scanHash(this.#redis, this.keys.files)) {
      const record = parseRecord(json);
      if (record) records.set(name, record);
    }
    return records;
  }

  /**
   * Takes room for a part and allocates it under the key it resolves to; waits as long as there is none. With
   * `content` the part is complete; otherwise it is to be filled there.
   * @throws {BudgetTooSmallError | FileOwnedError | KeyTakenError | NoConsumersError | ShipperFencedError} and the signal's reason
   */
  async reserve(part: string, entry: Entry, record: FileRecord, content?: Buffer): Promise<string> {
    const { keys, token, terms } = this;
    this.#stages += 1;
    const stage = `${token}:${this.#stages}`;
    const at = { stage: stageKey(keys, stage), data: dataKey(keys, part), counter: counterKey(keys, part) };
    const json = JSON.stringify({ ...entry, stage });
    const keyBytes = Math.max(Buffer.byteLength(at.stage), Buffer.byteLength(at.data));
    const nameBytes = Buffer.byteLength(entry.file);
    const words = [
      token,
      part,
      json,
      JSON.stringify(record),
      stringCost(entry.bytes, keyBytes),
      aroundCost(Buffer.byteLength(part), Buffer.byteLength(json), keyBytes, terms.consumers),
      recordCost(nameBytes),
      content ?? '',
      unchargedRecords,
    ];
    const startedAtMs = performance.now();
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        const reply = await reserveScript(
          this.#redis,
          [keys.settings, keys.parts, keys.files, keys.who, at.stage, at.data, at.counter],
          words,
        );
        if (await this.#isGranted(reply, part, entry.file)) return at.stage;
        this.waitingSinceMs ??= Date.now();
      }
    } finally {
      if (this.waitingSinceMs !== undefined) this.waitedMs += performance.now() - startedAtMs;
      this.waitingSinceMs = undefined;
    }
  }

  async #isGranted(reply: unknown[], part: string, file: string): Promise<boolean> {
    switch (reply[0]) {
      case 'granted':
        this.usedBytes = Number(reply[1]);
        return true;
      case 'never':
        throw new BudgetTooSmallError(Number(reply[2]), Number(reply[1]), `the part \`${part}\``);
      case 'taken':
        throw new KeyTakenError(dataKey(this.keys, part), String(reply[1]));
      case 'fenced':
        throw new ShipperFencedError(this.#channel);
      case 'nobody':
        throw new NoConsumersError(this.#channel);
      case 'stale':
        await this.#release([{ part, stage: String(reply[1]) }]);
        return false;
      case 'owned':
        await this.#yieldTo(String(reply[1]), file);
        return false;
      default:
        if (reply[0] === 'wait') this.usedBytes = Number(reply[1]);
        if (!(await this.sweep())) await this.#bell.wait(this.#signal);
        return false;
    }
  }

  /** Waits for a shipper that may be gone without a word; one that is alive keeps its files. */
  async #yieldTo(json: string, file: string): Promise<void> {
    const owner = parseProcess(json);
    const place = owner ? placeOf(owner) : 'another shipper';
    const token = owner?.token ?? '';
    const firstAt = this.#alive.get(token);
    // A sign of life since we first looked.
    if (firstAt !== undefined && (owner?.at ?? 0) > firstAt) throw new FileOwnedError(file, place);
    if (firstAt === undefined) this.#alive.set(token, owner?.at ?? 0);
    await this.#bell.wait(this.#signal);
  }

  /**
   * Tells the channel about a part that was written.
   * @throws {KeyTakenError | ShipperFencedError}
   */
  async announce(part: string, stage: string, entry: Entry, record: FileRecord): Promise<void> {
    const { keys } = this;
    const startedAtMs = performance.now();
    for (;;) {
      const reply = await announceScript(
        this.#redis,
        [
          keys.settings,
          keys.parts,
          keys.files,
          keys.who,
          keys.messages,
          keys.ids,
          keys.lock,
          stage,
          dataKey(keys, part),
          counterKey(keys, part),
        ],
        [
          this.token,
          part,
          JSON.stringify(record),
          entry.at,
          publishCommand(this.#redis),
          messageBell(keys),
          // The book's senders give up after 10 s, so a lock held for longer belongs to nobody.
          performance.now() - startedAtMs > 10_000 ? 1 : 0,
        ],
      );
      if (reply[0] === 'announced' || reply[0] === 'known') break;
      if (reply[0] === 'taken') throw new KeyTakenError(dataKey(keys, part), String(reply[1]));
      if (reply[0] === 'fenced') throw new ShipperFencedError(this.#channel);
      await this.#bell.wait();
    }
    this.outstanding.add(part);
  }

  /** Gives back the room of parts that will not be announced. */
  async release(parts: readonly { part: string; stage: string }[]): Promise<void> {
    const prefix = this.keys.stage.length;
    await this.#release(parts.map(({ part, stage }) => ({ part, stage: stage.slice(prefix) })));
  }

  async #release(parts: readonly { part: string; stage: string }[]): Promise<void> {
    const { keys, token } = this;
    for (let i = 0; i < parts.length; i += 100) {
      const page = parts.slice(i, i + 100);
      await releaseScript(
        this.#redis,
        [keys.settings, keys.parts, keys.who, ...page.map(({ stage }) => stageKey(keys, stage))],
        [token, publishCommand(this.#redis), roomBell(keys), ...page.map(({ part }) => part)],
      );
    }
  }

  /**
   * Frees what consumers of the book have counted, learns what was freed by ours. Looks at a page of the outstanding
   * parts at a time; resolves to whether any of them is gone.
   */
  async sweep(): Promise<boolean> {
    const { keys } = this;
    const all = [...this.outstanding];
    if (this.#swept >= all.length) this.#swept = 0;
    const page = all.slice(this.#swept, this.#swept + 200);
    this.#swept += page.length;
    const gone = await sweepScript(
      this.#redis,
      [
        keys.settings,
        keys.parts,
        keys.who,
        keys.members,
        ...page.flatMap((part) => [dataKey(keys, part), counterKey(keys, part)]),
      ],
      [publishCommand(this.#redis), roomBell(keys), ...page],
    );
    page.forEach((part, index) => {
      if (gone[index] === 1) this.outstanding.delete(part);
    });
    return gone.includes(1);
  }

  /**
   * Everything was announced: says so, when nobody else ships here, and waits until all of it is freed.
   * @throws {ShipperFencedError} and the signal's reason
   */
  async finish({ keepOpen }: { keepOpen: boolean }): Promise<void> {
    const { keys } = this;
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#isFenced) throw new ShipperFencedError(this.#channel);
      const reply = await finishScript(
        this.#redis,
        [keys.settings, keys.who, keys.messages, keys.ids],
        [this.token, keepOpen ? 1 : 0, leaseMs, publishCommand(this.#redis), messageBell(keys)],
      );
      if (reply[0] === 'fenced') throw new ShipperFencedError(this.#channel);
      while (await this.sweep());
      if (this.outstanding.size === 0) return;
      this.waitingSinceMs ??= Date.now();
      await this.#bell.wait(this.#signal);
    }
  }

  /** Leaves the channel. Resolves to the highest use of the budget in this run. */
  async leave({ isOver }: { isOver: boolean }): Promise<number> {
    const { keys, token } = this;
    this.stop();
    const reply = await leaveScript(
      this.#redis,
      [keys.settings, keys.parts, keys.files, keys.who],
      [token, isOver ? 1 : 0, leaseMs, unchargedRecords],
    );
    return Number(reply[1]);
  }

  /** Ends its timers and its listening, and leaves everything in Redis as it is. */
  stop(): void {
    clearInterval(this.#timer);
    this.#bell.stop();
  }

  /** Keeps a record that goes with no part. */
  async remember(record: FileRecord): Promise<void> {
    await this.#redis.hset(this.keys.files, record.name, JSON.stringify({ ...record, token: this.token }));
  }
}

function words(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new Error(`Expected an array from Redis, got \`${String(reply)}\``);
  return reply;
}

const openScript = defineScript({ lua: openLua, parse: words });
const beatScript = defineScript({ lua: beatLua, parse: Number });
const reserveScript = defineScript({ lua: reserveLua, parse: words });
const announceScript = defineScript({ lua: announceLua, parse: words });
const releaseScript = defineScript({ lua: releaseLua, parse: Number });
const sweepScript = defineScript({ lua: sweepLua, parse: words });
const finishScript = defineScript({ lua: finishLua, parse: words });
const leaveScript = defineScript({ lua: leaveLua, parse: words });

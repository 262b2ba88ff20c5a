import type { Client } from '../../../redis/client.ts';
import { isPassing } from '../../../redis/refusals.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import {
  AsideFullError,
  ConsumerBusyError,
  ConsumerReplacedError,
  NotExpectedError,
} from '../channel/errors.ts';
import heartbeatLua from '../channel/heartbeat.lua';
import {
  budgetChannel,
  type ChannelKeys,
  channelKeys,
  counterKey,
  dataKey,
  messageChannel,
  publishCommand,
  seenKeys,
} from '../channel/keys.ts';
import {
  type AsideRecord,
  type Entry,
  faultOfEntry,
  idsOf,
  parseEntry,
  parseProcess,
} from '../channel/ledger.ts';
import { type Notifier, startNotifier } from '../channel/notifier.ts';
import { heartbeatMs, isGone, leaseMs, makeToken, placeOf, self } from '../channel/participant.ts';
import { replyWords } from '../channel/reply.ts';
import { makeRide, type Ride, type RideOptions } from '../channel/ride.ts';
import asideLua from './aside.lua';
import { longestCarryBytes } from './delivery.ts';
import doneLua from './done.lua';
import doneManyLua from './done-many.lua';
import joinLua from './join.lua';
import leaveLua from './leave.lua';
import pendingLua from './pending.lua';

/** What a page of the channel tells. */
export type Page = {
  /** Up to which message everything is finished; undefined when this consumer is not expected any more. */
  readonly cursor: number | undefined;
  readonly run: string;
  readonly runBefore: string;
  readonly isOver: boolean;
  /** Changes when parts that were set aside are wanted again. */
  readonly retries: string;
  /** The message that ends the run, once it was sent. */
  readonly doneId: number | undefined;
  readonly messages: readonly {
    readonly id: number;
    readonly json: string;
    readonly entry: Entry | undefined;
    /** Why its entry in the ledger cannot be worked with. */
    readonly fault: string | undefined;
  }[];
};

/** One consumer's place on a channel: its token makes sure that it is held by one process only. */
export class ConsumerSession {
  readonly keys: ChannelKeys;
  /** The run there was when this process came, and whether it was over by then. */
  run = '';
  isRunOver = false;
  cursor = 0;
  windowBytes = defaultWindowBytes;
  /** How often parts that were set aside were wanted again. */
  retries = '';
  /** Beginnings of lines, by file, whose rest comes with the next part. */
  readonly carries = new Map<string, Buffer>();
  /** Whether there may be some of before, and of which files it is known. */
  #hasCarries = false;
  readonly #asked = new Set<string>();
  readonly ride: Ride;
  readonly #redis: Client;
  readonly #channel: string;
  readonly #id: string;
  readonly #token = makeToken();
  readonly #notifier: Notifier;
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #isInHeartbeat = false;
  #isTaken = false;

  constructor(
    redis: Client,
    channel: string,
    id: string,
    { listen, ...options }: RideOptions & { readonly listen?: (() => Client) | undefined },
  ) {
    this.#redis = redis;
    this.#channel = channel;
    this.#id = id;
    this.#signal = options.signal;
    this.ride = makeRide(options);
    this.keys = channelKeys(redis, channel);
    this.#notifier = startNotifier(listen, messageChannel(this.keys));
  }

  /**
   * Takes the place, as soon as there is something shipped here and nobody else holds it.
   * @throws {NotExpectedError | ConsumerBusyError | WrongTypeError} and the signal's reason
   */
  async take(onWait: (reason: string) => void): Promise<void> {
    const { keys } = this;
    const startedAtMs = performance.now();
    let gone = '';
    let firstSeen: number | undefined;
    for (;;) {
      this.#signal.throwIfAborted();
      const reply = await this.ride(() =>
        typed(
          this.#redis,
          typesOf(keys),
          joinScript(
            this.#redis,
            [keys.settings, keys.who, keys.members, keys.messages],
            [this.#id, this.#token, JSON.stringify(self), leaseMs, gone],
          ),
        ),
      );
      if (reply[0] === 'joined') {
        await this.ride(() => this.#settle(reply.map(String)));
        return;
      }
      if (reply[0] === 'busy') {
        const holder = parseProcess(reply[1]);
        if (holder && isGone(holder)) {
          gone = holder.token ?? '';
          continue;
        }
        firstSeen ??= holder?.at;
        const isAlive = (holder?.at ?? 0) > (firstSeen ?? 0);
        const place = holder ? placeOf(holder) : 'another process';
        // Whoever served the run before may be just about to end.
        if (isAlive && performance.now() - startedAtMs > leaseMs) {
          throw new ConsumerBusyError(this.#channel, this.#id, place);
        }
        onWait(`consumer ${this.#id} still runs as ${place}`);
      } else if (reply[0] === 'unexpected') {
        const isOver = reply[2] === '1';
        if (!isOver || performance.now() - startedAtMs > leaseMs) {
          throw new NotExpectedError(this.#channel, this.#id, idsOf(String(reply[1])));
        }
        onWait(`nobody ships to ${this.#id} yet`);
      } else onWait(`nothing was shipped to ${this.#channel} yet`);
      await this.wait();
    }
  }

  async #settle([, run = '', closed, , cursor, window, retries = '']: readonly string[]): Promise<void> {
    this.#isTaken = true;
    this.run = run;
    this.isRunOver = closed === '1';
    this.cursor = Number(cursor);
    this.windowBytes = Number(window) || defaultWindowBytes;
    this.retries = retries;
    this.carries.clear();
    this.#asked.clear();
    this.#hasCarries = (await retryAborted(() => this.#redis.exists(this.keys.carry))) > 0;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#heartbeat().catch(() => {});
    }, heartbeatMs);
  }

  /** What an earlier process carried over of a file's last line: asked for with the first part of the file. */
  async loadCarry(file: string): Promise<void> {
    if (!this.#hasCarries || this.carries.has(file)) return;
    if (this.#asked.has(file)) return;
    const field = `${this.#id}:${file}`;
    const length = await this.ride(() => retryAborted(() => this.#redis.hstrlen(this.keys.carry, field)));
    // Ours are shorter.
    const isOurs = length > 0 && length <= longestCarryBytes;
    const carry = isOurs
      ? await this.ride(() => retryAborted(() => this.#redis.hgetBuffer(this.keys.carry, field)))
      : null;
    if (carry) this.carries.set(file, carry);
    if (this.#asked.size >= mostAsked) this.#asked.clear();
    this.#asked.add(file);
  }

  async #heartbeat(): Promise<void> {
    if (this.#isInHeartbeat) return;
    this.#isInHeartbeat = true;
    const { settings, who } = this.keys;
    try {
      await heartbeatScript(this.#redis, [settings, who], [`c:${this.#id}`, this.#token, '{}', leaseMs]);
    } finally {
      this.#isInHeartbeat = false;
    }
  }

  /** What follows message `after`, oldest first. */
  async pending(after: number): Promise<Page> {
    const { keys } = this;
    const [cursor, run, runBefore, closed, doneId, found, retries] = await this.ride(() =>
      pendingScript(
        this.#redis,
        [keys.settings, keys.parts, keys.members, keys.messages],
        [this.#id, after, pageMessages, longestMessage, pageBytes],
      ),
    );
    const words = Array.isArray(found) ? found : [];
    const messages = [];
    for (let i = 0; i + 2 < words.length; i += 3) {
      const stored = words[i + 2];
      const fault = stored === tooLong ? 'its entry is longer than one can be' : faultOfEntry(stored);
      messages.push({
        json: String(words[i]),
        id: Number(words[i + 1]),
        entry: parseEntry(stored),
        fault: stored === null ? undefined : fault,
      });
    }
    return {
      cursor: cursor === null ? undefined : Number(cursor),
      run: String(run),
      runBefore: String(runBefore),
      isOver: closed === '1',
      retries: String(retries),
      doneId: doneId === '' ? undefined : Number(doneId),
      messages,
    };
  }

  /**
   * Reports a message as finished, with what is carried over of its file's last line.
   * @returns false if the server knows of less than was finished before: another one took over
   * @throws {ConsumerReplacedError}
   */
  async done(id: number, part: string, file: string, carry: Buffer | undefined): Promise<boolean> {
    const { keys } = this;
    const reply = await this.ride(() =>
      doneScript(
        this.#redis,
        [
          keys.settings,
          keys.parts,
          keys.who,
          keys.members,
          keys.messages,
          keys.carry,
          keys.aside,
          dataKey(keys, part),
          counterKey(keys, part),
          ...seenKeys(this.#redis, this.#id),
        ],
        [
          this.#channel,
          this.#id,
          this.#token,
          id,
          part,
          `${this.#id}:${file}`,
          carry ?? '',
          publishCommand(this.#redis),
          budgetChannel(keys),
          this.cursor,
        ],
      ),
    );
    if (reply[0] === 'rewound') return false;
    if (reply[0] === 'replaced') return await this.#lostPlace();
    this.cursor = Math.max(this.cursor, id);
    if (carry) this.carries.set(file, carry);
    else {
      this.carries.delete(file);
      this.#asked.add(file);
    }
    return true;
  }

  /**
   * Nobody took the place of a consumer whose run is no more: Redis has lost it, and the one that began since is joined.
   * @throws {ConsumerReplacedError}
   */
  async #lostPlace(): Promise<false> {
    const run = await this.ride(() => retryAborted(() => this.#redis.hget(this.keys.settings, 'run')));
    if (run === this.run) throw new ConsumerReplacedError(this.#channel, this.#id);
    return false;
  }

  /** The same for small parts, one after the other, of which nothing is carried over. */
  async doneMany(parts: readonly { readonly id: number; readonly part: string }[]): Promise<boolean> {
    const { keys } = this;
    const last = parts.at(-1);
    if (!last) return true;
    const reply = await this.ride(() =>
      doneManyScript(
        this.#redis,
        [
          ...[keys.settings, keys.parts, keys.who, keys.members, keys.messages, keys.aside],
          ...parts.flatMap(({ part }) => [dataKey(keys, part), counterKey(keys, part)]),
          ...seenKeys(this.#redis, this.#id),
        ],
        [
          ...[
            this.#channel,
            this.#id,
            this.#token,
            publishCommand(this.#redis),
            budgetChannel(keys),
            this.cursor,
          ],
          ...parts.flatMap(({ id, part }) => [id, part]),
        ],
      ),
    );
    if (reply[0] === 'rewound') return false;
    if (reply[0] === 'replaced') return await this.#lostPlace();
    this.cursor = Math.max(this.cursor, last.id);
    return true;
  }

  /**
   * Sets a part aside and goes on behind it.
   * @returns false if the server knows of less than was finished before: another one took over
   * @throws {ConsumerReplacedError | AsideFullError}
   */
  async setAside(
    id: number,
    part: string,
    record: Omit<AsideRecord, 'since' | 'retry' | 'id'>,
    limit: number,
  ): Promise<boolean> {
    const { keys } = this;
    const reply = await this.ride(() =>
      asideScript(
        this.#redis,
        [keys.who, keys.members, keys.messages, keys.aside, ...seenKeys(this.#redis, this.#id)],
        [
          this.#channel,
          this.#id,
          this.#token,
          id,
          part,
          JSON.stringify({ id, ...record }),
          limit,
          this.cursor,
        ],
      ),
    );
    if (reply[0] === 'rewound') return false;
    if (reply[0] === 'replaced') return await this.#lostPlace();
    if (reply[0] === 'full') throw new AsideFullError(this.#channel, Number(reply[1]), record.reason);
    this.cursor = Math.max(this.cursor, id);
    return true;
  }

  /** Until there may be something new. */
  wait(): Promise<void> {
    return this.#notifier.wait(this.#signal);
  }

  /** Gives the place back, for whoever comes next. */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    this.#notifier.stop();
    if (!this.#isTaken) return;
    try {
      await this.ride(() => leaveScript(this.#redis, [this.keys.who], [this.#id, this.#token]));
    } catch (error) {
      // Then it lapses by itself.
      if (!isPassing(error)) throw error;
    }
  }
}

const defaultWindowBytes = 512 * 1024;
const mostAsked = 10_000;
const pageMessages = 64;
/** Of a message that names a part, and of what the ledger says of it: ours are shorter. */
const longestMessage = 65_536;
const pageBytes = 1_048_576;
/** What the script says in the place of such an entry. */
const tooLong = 'too long';

function typesOf(keys: ChannelKeys) {
  return {
    [keys.settings]: 'hash',
    [keys.parts]: 'hash',
    [keys.who]: 'hash',
    [keys.members]: 'zset',
    [keys.messages]: 'zset',
    [keys.carry]: 'hash',
    [keys.aside]: 'hash',
  } as const;
}

const joinScript = defineScript({ lua: joinLua, parse: replyWords });
const heartbeatScript = defineScript({ lua: heartbeatLua, parse: Number });
const pendingScript = defineScript({ lua: pendingLua, parse: replyWords, immediate: true });
const leaveScript = defineScript({ lua: leaveLua, parse: Number });
const asideScript = defineScript({ lua: asideLua, parse: replyWords, immediate: true });
const doneManyScript = defineScript({ lua: doneManyLua, parse: replyWords, immediate: true });
const doneScript = defineScript({ lua: doneLua, parse: replyWords, immediate: true });

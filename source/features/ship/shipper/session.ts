import { WrongTypeError } from '../../../errors.ts';
import { pause } from '../../../redis/backoff.ts';
import type { Client } from '../../../redis/client.ts';
import { register } from '../../../redis/registry.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { allotment, recordCost, type Terms, unchargedRecords } from '../channel/cost.ts';
import { BudgetTooSmallError, ShipperFencedError, TermsDifferError } from '../channel/errors.ts';
import heartbeatLua from '../channel/heartbeat.lua';
import {
  budgetChannel,
  type ChannelKeys,
  channelKeys,
  messageChannel,
  publishCommand,
  seenKeys,
} from '../channel/keys.ts';
import {
  type FileRecord,
  fileOfPast,
  parsePast,
  parseProcess,
  parseRecord,
  type StoredGeneration,
  scanHash,
} from '../channel/ledger.ts';
import { type Notifier, startNotifier } from '../channel/notifier.ts';
import { heartbeatMs, isGone, leaseMs, makeToken, self } from '../channel/participant.ts';
import { replyWords } from '../channel/reply.ts';
import { makeRide, type Ride } from '../channel/ride.ts';
import finishLua from './finish.lua';
import leaveLua from './leave.lua';
import openLua from './open.lua';
import { Outstanding } from './outstanding.ts';
import rememberLua from './remember.lua';

export type SessionOptions = {
  readonly channel: string;
  readonly terms: Terms;
  readonly signal: AbortSignal;
  readonly listen?: (() => Client) | undefined;
  readonly timeoutMs: number | undefined;
  readonly onRefused: ((refusal: unknown) => void) | undefined;
  /** Reported at once, and with every sign of life. */
  readonly news: News;
  /** The highest message id an earlier attempt was notified of; 0 if there was none. */
  readonly lastId: number;
};

export type Records = {
  readonly files: Map<string, FileRecord>;
  readonly pasts: ReadonlyMap<string, readonly StoredGeneration[]>;
};

/** What a shipper has found to ship. */
export type News = { readonly files: number; readonly bytes: number; readonly follow: boolean };

/** One shipper's place on a channel: its token fences everything it writes. Every call may be sent twice. */
export class ShipSession {
  readonly redis: Client;
  readonly channel: string;
  readonly keys: ChannelKeys;
  readonly token = makeToken();
  readonly terms: Terms;
  /** How the budget is divided. */
  readonly allotment: ReturnType<typeof allotment>;
  readonly signal: AbortSignal;
  readonly notifier: Notifier;
  readonly outstanding: Outstanding;
  readonly ride: Ride;
  news: News;
  /** Nobody else was shipping here when it came. */
  isAlone = true;
  /** When the wait in progress began. */
  waitingSinceMs: number | undefined;
  /** Time spent waiting for room. */
  waitedMs = 0;
  usedBytes = 0;
  /** The highest message id that was announced. */
  lastId: number;
  /** Which server this shipper came to, by its run id. */
  server = '';
  #timer: NodeJS.Timeout | undefined;
  #isFenced = false;
  #isInHeartbeat = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(redis: Client, options: SessionOptions) {
    const { channel, terms, signal, listen, news, lastId, timeoutMs, onRefused } = options;
    this.redis = redis;
    this.channel = channel;
    this.terms = terms;
    this.signal = signal;
    this.news = news;
    this.lastId = lastId;
    this.keys = channelKeys(redis, channel);
    this.allotment = allotment(terms);
    this.notifier = startNotifier(listen, budgetChannel(this.keys));
    this.outstanding = new Outstanding(this);
    this.ride = makeRide({ signal, timeoutMs, onRefused });
  }

  /**
   * Joins the channel's live run, resumes one that was cut short, or begins a new one; gives back what shippers that
   * are gone had reserved.
   * @throws {BudgetTooSmallError | TermsDifferError | WrongTypeError}
   */
  static async open(redis: Client, options: SessionOptions): Promise<ShipSession> {
    const { budgetBytes, partBytes } = options.terms;
    const { least } = allotment(options.terms);
    if (budgetBytes < least)
      throw new BudgetTooSmallError(budgetBytes, least, `one part of ${partBytes} bytes`);
    const session = new ShipSession(redis, options);
    try {
      await session.#enter();
    } catch (error) {
      session.stop();
      throw error;
    }
    return session;
  }

  async #enter(): Promise<void> {
    const { redis, keys, token, terms } = this;
    const { base, each, least, windowBytes } = this.allotment;
    const { gone, others } = await this.ride(() => this.#shippers());
    const ids = Array.from({ length: terms.consumers }, (_, id) => String(id));
    const seen = seenKeys(redis, ...ids);
    const reply = await this.ride(() =>
      openScript(
        redis,
        [keys.settings, keys.parts, keys.files, keys.who, keys.members, keys.messages, keys.ids, ...seen],
        [
          this.channel,
          token,
          JSON.stringify({ ...self, ...this.news, token }),
          leaseMs,
          ` ${gone.join(' ')} `,
          `${Date.now()}-${token}`,
          terms.budgetBytes,
          base,
          each,
          least,
          windowBytes,
          terms.consumers,
          // One more may have been announced by a server that died before it said so.
          this.lastId === 0 ? 0 : this.lastId + 1,
        ],
      ),
    );
    if (reply[0] === 'type') throw new WrongTypeError(String(reply[1]), String(reply[2]));
    if (reply[0] === 'differs') {
      const what = reply[1] === 'budget' ? 'budget' : 'consumers';
      const ours = what === 'budget' ? terms.budgetBytes : terms.consumers;
      throw new TermsDifferError(this.channel, what, ours, Number(reply[2]));
    }
    this.isAlone = reply[0] !== 'joined';
    this.server = String(reply[2]);
    await this.ride(() => register(redis, 'ship', this.channel));
    await this.outstanding.adopt(this.isAlone ? new Set() : others);
    this.#timer = setInterval(() => void this.#heartbeat(), heartbeatMs);
  }

  /** Who else ships here: those that are certainly gone, and the others. */
  async #shippers(): Promise<{ readonly gone: readonly string[]; readonly others: ReadonlySet<string> }> {
    const { redis, keys } = this;
    const type = await retryAborted(() => redis.type(keys.who));
    if (type !== 'none' && type !== 'hash') throw new WrongTypeError(keys.who, 'hash');
    const gone: string[] = [];
    const others = new Set<string>();
    for await (const [field, json] of scanHash(redis, keys.who)) {
      const found = parseProcess(json);
      if (!field.startsWith('s:') || !found) continue;
      if (isGone(found)) gone.push(field.slice(2));
      else others.add(field.slice(2));
    }
    return { gone, others };
  }

  async #heartbeat(): Promise<void> {
    if (this.#isInHeartbeat) return;
    this.#isInHeartbeat = true;
    const { keys, token } = this;
    try {
      const reply = await heartbeatScript(
        this.redis,
        [keys.settings, keys.who],
        [`s:${token}`, token, JSON.stringify(this.news), leaseMs],
      );
      if (reply === 0) this.#isFenced = true;
      else {
        await this.outstanding.sweep();
        await register(this.redis, 'ship', this.channel);
      }
    } catch (error) {
      if (error instanceof ShipperFencedError) this.#isFenced = true;
    } finally {
      this.#isInHeartbeat = false;
    }
  }

  /** How far each file is, from this run, and the generations that followed files have behind them. */
  records(): Promise<Records> {
    return this.ride(() => this.#readRecords());
  }

  async #readRecords(): Promise<Records> {
    const files = new Map<string, FileRecord>();
    const pasts = new Map<string, readonly StoredGeneration[]>();
    for await (const [field, json] of scanHash(this.redis, this.keys.files)) {
      const file = fileOfPast(field);
      if (file !== undefined) pasts.set(file, parsePast(json));
      else {
        const record = parseRecord(field, json);
        if (record) files.set(field, record);
      }
    }
    return { files, pasts };
  }

  /** Keeps what is known of files and goes with no part: as fields of the hash of files. */
  async remember(fields: readonly (readonly [field: string, json: string])[]): Promise<void> {
    const { redis, keys, token } = this;
    for (let i = 0; i < fields.length; i += rememberedFields) {
      const page = fields.slice(i, i + rememberedFields);
      await this.ride(() =>
        rememberScript(
          redis,
          [keys.settings, keys.files, keys.who],
          [
            token,
            leaseMs,
            unchargedRecords,
            ...page.flatMap(([field, json]) => [
              field,
              json,
              recordCost(Buffer.byteLength(field), json.length),
            ]),
          ],
        ),
      );
    }
  }

  /** One after the other: what is written about files must not overtake itself. */
  exclusive<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => {});
    return result;
  }

  /**
   * Everything was announced: notifies when nobody else ships here, and waits until all of it is freed.
   * @throws {ShipperFencedError} and the signal's reason
   */
  async finish({ keepOpen }: { keepOpen: boolean }): Promise<void> {
    const { keys } = this;
    for (;;) {
      this.signal.throwIfAborted();
      if (this.#isFenced) throw new ShipperFencedError(this.channel);
      const reply = await this.ride(() =>
        finishScript(
          this.redis,
          [keys.settings, keys.who, keys.messages, keys.ids],
          [
            this.token,
            keepOpen ? 1 : 0,
            leaseMs,
            publishCommand(this.redis),
            messageChannel(keys),
            this.server,
          ],
        ),
      );
      if (reply[0] === 'fenced') throw new ShipperFencedError(this.channel);
      while (await this.outstanding.sweep());
      if (this.outstanding.size === 0) return;
      this.waitingSinceMs ??= Date.now();
      await this.notifier.wait(this.signal);
      // Each look goes through very many of them: not one for each that is freed.
      if (this.outstanding.size > manyParts) await pause(looksApartMs, this.signal);
    }
  }

  /** Leaves the channel. Resolves to the highest use of the budget in this run. */
  async leave({ isOver }: { isOver: boolean }): Promise<number> {
    const { keys, token } = this;
    this.stop();
    const reply = await this.ride(() =>
      leaveScript(
        this.redis,
        [keys.settings, keys.parts, keys.files, keys.who],
        [token, isOver ? 1 : 0, leaseMs, unchargedRecords],
      ),
    );
    return Number(reply[1]);
  }

  /** Ends its timers and its listening, and leaves everything in Redis as it is. */
  stop(): void {
    clearInterval(this.#timer);
    this.notifier.stop();
  }
}

const rememberedFields = 100;
const manyParts = 200;
const looksApartMs = 100;

const rememberScript = defineScript({ lua: rememberLua, parse: Number });
const openScript = defineScript({ lua: openLua, parse: replyWords });
const heartbeatScript = defineScript({ lua: heartbeatLua, parse: Number });
const finishScript = defineScript({ lua: finishLua, parse: replyWords });
const leaveScript = defineScript({ lua: leaveLua, parse: replyWords });

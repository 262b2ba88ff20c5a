import { createHash } from 'node:crypto';
import { asIntegers } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { unchargedRecords } from '../channel/cost.ts';
import { KeyTakenError, ShipperFencedError } from '../channel/errors.ts';
import { counterKey, dataKey, messageChannel, publishCommand, stageKey } from '../channel/keys.ts';
import { type Cursor, type Entry, type FileRecord, parseCursor, storedRecord } from '../channel/ledger.ts';
import { self } from '../channel/participant.ts';
import { replyWords } from '../channel/reply.ts';
import announceLua from './announce.lua';
import type { Reserved } from './budget.ts';
import packLua from './pack.lua';
import { packed, type SmallFile } from './pack.ts';
import type { ShipSession } from './session.ts';

type Named = { readonly name: string; readonly ctimeMs: number };

/** As long as legacy senders try: a lock that is held for longer belongs to nobody. */
const lockPatienceMs = 10_000;
/** The clock by which file systems stamp lags a little behind; one across the network may differ by more. */
const marginMs = { sure: 2000, likely: 20 };

/**
 * Tells a channel about parts that were written, in order.
 *
 * It also keeps this shipper's cursor: files are shipped in the order of their names, so the name of the last one
 * stands for all before it that were not touched since the shipping began. That is what keeps the bookkeeping small
 * when there are very many files; of the others a record is kept for each.
 */
export class Announcer {
  readonly #session: ShipSession;
  readonly #field: string;
  readonly #keepsCursor: boolean;
  #cursor: Cursor;

  private constructor(session: ShipSession, field: string, cursor: Cursor, keepsCursor: boolean) {
    this.#session = session;
    this.#field = field;
    this.#cursor = cursor;
    this.#keepsCursor = keepsCursor;
  }

  /**
   * @param what it ships, in words that are the same when it is started again the same way
   * @param listedAtMs when it began to look what there is to ship, by this host's clock
   * @param keepsCursor not for who follows: files are not shipped in the order of their names then
   */
  static async open(
    session: ShipSession,
    what: string,
    { listedAtMs, keepsCursor }: { readonly listedAtMs: number; readonly keepsCursor: boolean },
  ): Promise<Announcer> {
    const field = `cursor:${createHash('sha1').update(`${self.host}\0${what}`).digest('base64url').slice(0, 16)}`;
    const { redis, keys } = session;
    const known = parseCursor(await session.ride(() => retryAborted(() => redis.hget(keys.settings, field))));
    const cursor = known ?? { name: '', generation: '', since: listedAtMs, count: 0 };
    return new Announcer(session, field, cursor, keepsCursor);
  }

  /** Of files of which there is no record, those that were shipped before; `recorded` is how many there are with one. */
  behind(files: readonly Named[], recorded: number): ReadonlySet<string> {
    const candidates = files.filter(({ name }) => name <= this.#cursor.name);
    // As many as were shipped: none of them is new, and a touch may be older than it looks.
    const hasNew = candidates.length + recorded > this.#cursor.count;
    const margin = hasNew ? marginMs.sure : marginMs.likely;
    return new Set(candidates.filter((file) => this.#isQuiet(file, margin)).map(({ name }) => name));
  }

  #isQuiet({ ctimeMs }: { readonly ctimeMs: number }, margin: number): boolean {
    return ctimeMs < this.#cursor.since - margin;
  }

  /** The last file that the cursor stands for; a file that comes before it by name cannot move it. */
  get lastName(): string | undefined {
    return this.#keepsCursor ? this.#cursor.name : undefined;
  }

  /** Announces small files in one step, up to the first that is not plain. Resolves to how many that were. */
  async pack(batch: readonly SmallFile[]): Promise<number> {
    const session = this.#session;
    const { redis, keys, token, outstanding } = session;
    const { keys: names, words } = packed(session, batch, (source) => this.#isQuiet(source, marginMs.likely));
    const [count = 0, used = 0, lastId = 0] = await session.exclusive(() =>
      session.ride(() =>
        packScript(
          redis,
          [keys.settings, keys.parts, keys.files, keys.who, keys.messages, keys.ids, keys.lock, ...names],
          [
            token,
            publishCommand(redis),
            messageChannel(keys),
            this.#field,
            JSON.stringify(this.#cursor),
            unchargedRecords,
            session.server,
            ...words,
          ],
        ),
      ),
    );
    for (const { part } of batch.slice(0, count)) outstanding.add(part.name);
    const last = batch[count - 1];
    if (!last) return 0;
    const { name, generation } = last.part.after;
    this.#cursor = { ...this.#cursor, name, generation, count: this.#cursor.count + count };
    session.lastId = Math.max(session.lastId, lastId);
    session.usedBytes = used;
    return count;
  }

  /** @throws {KeyTakenError | ShipperFencedError} */
  async announce(
    { part, stage }: Reserved,
    entry: Entry,
    record: FileRecord,
    source: { readonly ctimeMs: number },
  ): Promise<void> {
    const { redis, keys, token, channel, notifier, outstanding } = this.#session;
    const { name, generation } = record;
    const next: Cursor = { ...this.#cursor, name, generation, count: this.#cursor.count + 1 };
    // A file that ends out of turn, because it shrank, leaves the cursor where it is.
    const movesCursor = this.#keepsCursor && entry.last && next.name > this.#cursor.name;
    const startedAtMs = performance.now();
    for (;;) {
      const reply = await this.#session.ride(() =>
        announceScript(
          redis,
          [
            ...[keys.settings, keys.parts, keys.files, keys.who, keys.messages, keys.ids, keys.lock],
            ...[stageKey(keys, stage), dataKey(keys, part), counterKey(keys, part)],
          ],
          [
            ...[
              token,
              part,
              record.name,
              storedRecord(record),
              entry.at,
              publishCommand(redis),
              messageChannel(keys),
            ],
            performance.now() - startedAtMs > lockPatienceMs ? 1 : 0,
            ...(movesCursor ? [this.#field, JSON.stringify(next)] : ['', '']),
            this.#isQuiet(source, marginMs.likely) ? 1 : 0,
            unchargedRecords,
            this.#session.server,
          ],
        ),
      );
      if (reply[0] === 'announced') this.#session.lastId = Math.max(this.#session.lastId, Number(reply[1]));
      if (reply[0] === 'announced' || reply[0] === 'known') break;
      if (reply[0] === 'taken') throw new KeyTakenError(dataKey(keys, part), String(reply[1]));
      if (reply[0] === 'fenced') throw new ShipperFencedError(channel);
      await notifier.wait();
    }
    if (movesCursor) this.#cursor = next;
    outstanding.add(part);
  }
}

const packScript = defineScript({ lua: packLua, parse: asIntegers, immediate: true });
const announceScript = defineScript({ lua: announceLua, parse: replyWords, immediate: true });

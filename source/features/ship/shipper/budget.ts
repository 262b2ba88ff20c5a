import { defineScript } from '../../../redis/script.ts';
import { aroundCost, recordCost, stringCost, unchargedRecords } from '../channel/cost.ts';
import {
  BudgetTooSmallError,
  FileOwnedError,
  KeyTakenError,
  NoConsumersError,
  ShipperFencedError,
} from '../channel/errors.ts';
import { budgetChannel, counterKey, dataKey, publishCommand, stageKey } from '../channel/keys.ts';
import { type Entry, type FileRecord, parseProcess, storedRecord } from '../channel/ledger.ts';
import { placeOf } from '../channel/participant.ts';
import { replyWords } from '../channel/reply.ts';
import releaseLua from './release.lua';
import reserveLua from './reserve.lua';
import type { ShipSession } from './session.ts';

/** A part that has its room and is to be filled and announced. */
export type Reserved = { readonly part: string; readonly stage: string };

/** Takes room out of a channel's budget, part by part, and gives it back. */
export class Budget {
  readonly #session: ShipSession;
  /** When shippers that own a file were first seen, by their token. */
  readonly #owners = new Map<string, number>();
  #stages = 0;
  /** Reserved, and neither announced nor released. */
  #held = 0;
  /** The last look found no part on the channel, so that nothing can have been freed since. */
  #isBare = false;

  constructor(session: ShipSession) {
    this.#session = session;
  }

  /**
   * Takes room for a part and allocates it; waits as long as there is none. With `content` the part is complete;
   * otherwise it is to be filled at the stage's key.
   * @throws {BudgetTooSmallError | FileOwnedError | KeyTakenError | NoConsumersError | ShipperFencedError}
   * @throws the reason of the signal, with nothing taken
   */
  async reserve(
    part: string,
    entry: Entry,
    record: FileRecord,
    { content, signal }: { readonly content: Buffer | undefined; readonly signal: AbortSignal },
  ): Promise<Reserved> {
    const { redis, keys, token, terms } = this.#session;
    this.#stages += 1;
    const stage = `${token}:${this.#stages}`;
    const [data, counter] = [dataKey(keys, part), counterKey(keys, part)];
    const keyNames = [stageKey(keys, stage), data, counter];
    const json = JSON.stringify({ ...entry, stage });
    const stored = storedRecord(record);
    const keyBytes = Math.max(...keyNames.map((key) => Buffer.byteLength(key)));
    const words = [
      token,
      part,
      json,
      stored,
      stringCost(entry.bytes, keyBytes),
      aroundCost(Buffer.byteLength(part), Buffer.byteLength(json), keyBytes, terms.consumers),
      recordCost(Buffer.byteLength(entry.file), Buffer.byteLength(stored)),
      content ?? '',
      unchargedRecords,
    ];
    const startedAtMs = performance.now();
    let hasWaited = false;
    for (;;) {
      signal.throwIfAborted();
      const reply = await this.#session.ride(() =>
        reserveScript(redis, [keys.settings, keys.parts, keys.files, keys.who, ...keyNames], words),
      );
      if (await this.#isGranted(reply, part, entry.file, signal)) break;
      hasWaited = true;
      this.#session.waitingSinceMs ??= Date.now();
    }
    if (hasWaited) this.#session.waitedMs += performance.now() - startedAtMs;
    this.#session.waitingSinceMs = undefined;
    this.#held += 1;
    return { part, stage };
  }

  async #isGranted(reply: unknown[], part: string, file: string, signal: AbortSignal): Promise<boolean> {
    const session = this.#session;
    switch (reply[0]) {
      case 'granted':
        session.usedBytes = Number(reply[1]);
        this.#isBare = false;
        return true;
      case 'never':
        throw new BudgetTooSmallError(Number(reply[2]), Number(reply[1]), `the part \`${part}\``);
      case 'taken':
        throw new KeyTakenError(dataKey(session.keys, part), String(reply[1]));
      case 'fenced':
        throw new ShipperFencedError(session.channel);
      case 'nobody':
        throw new NoConsumersError(session.channel);
      case 'stale':
        await release(session, [{ part, stage: String(reply[1]) }]);
        return false;
      case 'owned':
        await this.#yieldTo(String(reply[1]), file, signal);
        return false;
      case 'wait':
        await this.#wait(Number(reply[1]), Number(reply[2]), Number(reply[3]), signal);
        return false;
      default:
        await this.#wait(0, 0, 0, signal);
        return false;
    }
  }

  async #wait(usedBytes: number, limitBytes: number, shippers: number, signal: AbortSignal): Promise<void> {
    const session = this.#session;
    session.usedBytes = usedBytes;
    if (await session.outstanding.sweep()) return;
    if (shippers === 1 && session.outstanding.size === 0 && this.#held === 0) {
      // Nobody will free anything: what is used are the records of too many files.
      if (this.#isBare) {
        throw new BudgetTooSmallError(limitBytes, usedBytes, 'what has to be remembered about so many files');
      }
      // What the answer counted may have been freed while it was on its way, or be a dead shipper's: look, ask again.
      this.#isBare = !(await session.outstanding.inherit());
      if (this.#isBare) return;
    } else this.#isBare = false;
    await session.notifier.wait(signal);
  }

  /** Waits for a shipper that may be gone without a word; one that is alive keeps its files. */
  async #yieldTo(json: string, file: string, signal: AbortSignal): Promise<void> {
    const owner = parseProcess(json);
    const { token = '', at = 0 } = owner ?? {};
    const firstAt = this.#owners.get(token);
    // A sign of life since we first looked.
    if (firstAt !== undefined && at > firstAt) {
      throw new FileOwnedError(file, owner ? placeOf(owner) : 'another shipper');
    }
    if (firstAt === undefined) this.#owners.set(token, at);
    await this.#session.notifier.wait(signal);
  }

  announced(): void {
    this.#held -= 1;
  }

  async release(parts: readonly Reserved[]): Promise<void> {
    await release(this.#session, parts);
    this.#held -= parts.length;
  }
}

/** Gives back the room of parts that will not be announced: one's own, or those of shippers that are gone. */
export async function release(session: ShipSession, parts: readonly Reserved[]): Promise<void> {
  const { redis, keys, token } = session;
  for (let i = 0; i < parts.length; i += 100) {
    const page = parts.slice(i, i + 100);
    await session.ride(() =>
      releaseScript(
        redis,
        [keys.settings, keys.parts, keys.who, ...page.map(({ stage }) => stageKey(keys, stage))],
        [token, publishCommand(redis), budgetChannel(keys), ...page.map(({ part }) => part)],
      ),
    );
  }
}

const reserveScript = defineScript({ lua: reserveLua, parse: replyWords, immediate: true });
const releaseScript = defineScript({ lua: releaseLua, parse: Number });

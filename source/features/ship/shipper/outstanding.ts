import { defineScript } from '../../../redis/script.ts';
import { ShipperFencedError } from '../channel/errors.ts';
import { budgetChannel, counterKey, dataKey, publishCommand } from '../channel/keys.ts';
import { parseEntry, scanHash } from '../channel/ledger.ts';
import { replyWords } from '../channel/reply.ts';
import { type Reserved, release } from './budget.ts';
import type { ShipSession } from './session.ts';
import sweepLua from './sweep.lua';

const sweepParts = 200;

/** The parts a shipper watches over: announced, and not known to be freed. */
export class Outstanding {
  readonly #session: ShipSession;
  readonly #parts = new Set<string>();
  /** How far the last sweep came. */
  #swept = 0;

  constructor(session: ShipSession) {
    this.#session = session;
  }

  get size(): number {
    return this.#parts.size;
  }

  add(part: string): void {
    this.#parts.add(part);
  }

  /**
   * Frees what legacy consumers have counted, learns what was freed by ours. Looks at a page of the parts at a
   * time; resolves to whether any of them is gone.
   * @throws {ShipperFencedError}
   */
  async sweep(): Promise<boolean> {
    const { redis, channel, keys, token, server } = this.#session;
    const all = [...this.#parts];
    if (this.#swept >= all.length) this.#swept = 0;
    const page = all.slice(this.#swept, this.#swept + sweepParts);
    this.#swept += page.length;
    const gone = await this.#session.ride(() =>
      sweepScript(
        redis,
        [
          keys.settings,
          keys.parts,
          keys.who,
          keys.members,
          ...page.flatMap((part) => [dataKey(keys, part), counterKey(keys, part)]),
        ],
        [publishCommand(redis), budgetChannel(keys), token, server, ...page],
      ),
    );
    if (gone[0] === 'fenced') throw new ShipperFencedError(channel);
    page.forEach((part, index) => {
      if (gone[index] === 1) this.#parts.delete(part);
    });
    return gone.includes(1);
  }

  /**
   * Takes over parts that none of these shippers watches over: those announced are watched from now on, those being
   * written are given back.
   */
  async adopt(others: ReadonlySet<string>): Promise<void> {
    await release(this.#session, await this.#session.ride(() => this.#unwatched(others)));
  }

  /** Those to be given back; those that were announced are watched from now on. */
  async #unwatched(others: ReadonlySet<string>): Promise<readonly Reserved[]> {
    const { redis, keys } = this.#session;
    const stale: Reserved[] = [];
    for await (const [part, json] of scanHash(redis, keys.parts)) {
      const entry = parseEntry(json);
      if (!entry || others.has(entry.token)) continue;
      if (entry.id !== undefined) this.#parts.add(part);
      else stale.push({ part, stage: entry.stage ?? '' });
    }
    return stale;
  }

  /** Takes over what shippers that are gone have left. Resolves to whether any part is there that may be freed. */
  async inherit(): Promise<boolean> {
    await this.adopt(new Set());
    return this.#parts.size > 0;
  }
}

const sweepScript = defineScript({ lua: sweepLua, parse: replyWords });

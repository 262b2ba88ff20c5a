import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import { asidePages } from './flush/aside.ts';
import { glance } from './pending.ts';
import { placeOf } from './sql/place.ts';
import { signed } from './status-text.ts';

type Drop = {
  readonly type: string;
  readonly ids: string[];
  readonly all: boolean;
  readonly tooLong: boolean;
};

export const dropGuard: Guard<Drop> = {
  loses: true,
  async look({ redis }, input) {
    const { type, all, tooLong } = input;
    const wanted = new Set(input.ids);
    let [ids, total] = [0, 0];
    let first: string | undefined;
    for await (const page of asidePages(redis, type)) {
      for (const { id, code, count } of page) {
        if (!(all || (tooLong ? code === 'ID_LENGTH' : wanted.has(id)))) continue;
        ids += 1;
        total += count;
        first ??= id;
      }
    }
    if (ids === 0) return;
    const what = ids > 1 ? counted(ids, 'id') : tooLong || all ? '1 id' : `\`${first}\``;
    const which = all ? 'all that is set aside' : tooLong ? 'too long to be read' : 'set aside';
    return {
      name: type,
      state: `${counted(ids, 'id')} aside, ${signed(total)}`,
      question: `Forget ${signed(total)} of ${what} in ${type}, ${which}?`,
      input,
    };
  },
};

type Flush = {
  readonly type: string;
  readonly to: string;
  readonly table: string | undefined;
  readonly key: string;
  readonly column: string;
  readonly every: number | undefined;
};

/**
 * Whoever may be asked is asked, however the flush was begun: what is written to is named as a whole. A script is not, as
 * nothing is lost.
 */
export const flushGuard: Guard<Flush> = {
  loses: false,
  async look({ redis }, input) {
    const { type, to, table = type, key, column } = input;
    const [found] = await glance(redis, [type]);
    if (!found || 'error' in found) return;
    const isEmpty = found.ids + found.inflight.ids === 0;
    if (isEmpty && input.every === undefined) return;
    const total = signed(found.total + found.inflight.total);
    return {
      name: type,
      // More may be counted while the question is read.
      state: to,
      question: `Write ${type} (${counted(found.ids + found.inflight.ids, 'id')}, ${total}) to ${placeOf(to)}, table ${table}, column ${column}, by its key ${key}?`,
      input,
    };
  },
};

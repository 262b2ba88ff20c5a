import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import { asidePages } from './flush/aside.ts';
import { glance } from './pending.ts';
import { placeOf } from './sql/place.ts';
import { signed } from './status-text.ts';

export const dropGuard: Guard<{ readonly type: string; readonly ids: string[] }> = {
  loses: true,
  async look({ redis }, input) {
    const { type } = input;
    const wanted = new Set(input.ids);
    const found: { id: string; count: number }[] = [];
    for await (const page of asidePages(redis, type)) found.push(...page.filter(({ id }) => wanted.has(id)));
    if (found.length === 0) return;
    const total = found.reduce((sum, { count }) => sum + count, 0);
    const [first] = found;
    const what = found.length === 1 ? `\`${first?.id}\`` : counted(found.length, 'id');
    return {
      name: type,
      state: `${counted(found.length, 'id')} aside, ${signed(total)}`,
      question: `Forget ${signed(total)} of ${what} in ${type}, which SQL refuses?`,
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

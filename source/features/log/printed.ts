import * as v from 'valibot';
import { count, list, moment, number, object, orNull, text } from '../printed.ts';
import { movements } from './movement.ts';

export const written = object({ name: text, severity: text, written: count });
const hour = orNull(text, 'a UTC hour, `YYYY-MM-DDTHH:00:00`');
export const common = object({
  name: text,
  severity: text,
  hour,
  previousHour: hour,
  total: count,
  distinct: count,
  previousTotal: count,
  entries: list(
    object({
      message: text,
      count,
      previous: count,
      rank: number,
      previousRank: orNull(number, 'null: it did not come in that hour'),
      sample: text,
      move: v.picklist(movements),
    }),
  ),
  gone: list(object({ message: text, previous: count })),
});
export const recent = list(object({ at: orNull(moment, 'null: the line has no time'), message: text }));
export const logs = list(object({ name: text, severity: text, total: count, distinct: count }));

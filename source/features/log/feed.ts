import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { type Common, common, logsPage, mostRecent, recent } from './log.ts';
import { messageOf } from './message/message-of.ts';
import { type Board, type Line, type Log, type LogSlice, learn, logToShow } from './state.ts';
import { mask } from './template/mask.ts';

/** Of a text so many bytes are read, kept and painted; `log common` and `log recent` give more. */
const longest = 1000;
/** How many logs the pane goes through; `log list` has all of them. */
const mostLogs = 300;
const most = { top: 200, gone: 20, longest };

/** Polls which logs there are, the leaderboard of the selected one and, while a message is open, the recent lines. */
export const feed: Feed<LogSlice> = {
  everyMs: 2000,

  subject: ({ selected, list }) => `${list.details !== 'closed'} ${selected?.severity} ${selected?.name}`,

  async read({ redis }, slice) {
    const known = logsPage(redis, mostLogs);
    // Only before the first reading does one question wait for another.
    const selected = slice.selected ?? logToShow((await known).logs, undefined);
    const [{ logs, total }, board, lines] = await Promise.all([
      known,
      selected && common(redis, selected, most),
      selected && slice.list.details !== 'closed' ? recentOf(redis, selected) : undefined,
    ]);
    const reading = { logs, total, selected, board: board && boardOf(board), recent: lines };
    return (current) => {
      const next = learn(current, reading);
      return isDeepStrictEqual(next, current) ? current : next;
    };
  },
};

function boardOf({ hour, previousHour, elapsed, entries, gone, ...totals }: Common): Board {
  const { total, distinct, previousTotal } = totals;
  return {
    hourMs: hour === null ? undefined : epochMs(hour),
    previousHourMs: previousHour === null ? undefined : epochMs(previousHour),
    elapsedMinutes: Math.ceil(elapsed * 60),
    total,
    distinct,
    previousTotal,
    entries,
    gone,
  };
}

async function recentOf(redis: Client, log: Log): Promise<Line[]> {
  const lines = await recent(redis, log, mostRecent, { longest });
  return lines.map(({ at, message }) => ({ at, message, template: templateOf(message) }));
}

/** What the line is counted under, but for what its writer learned. */
function templateOf(line: string): string {
  const { text, isTemplate } = messageOf(line);
  return isTemplate ? text : mask(text);
}

function epochMs(hour: string): number {
  return Date.parse(`${hour}Z`);
}

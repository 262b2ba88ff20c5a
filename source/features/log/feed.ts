import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { type Common, common, logs, recent } from './log.ts';
import { mask } from './mask.ts';
import { type Board, type Line, type Log, type LogSlice, learn, logToShow } from './state.ts';

const most = { top: 200, gone: 20 };
/** Of a message's text, for what is kept in memory and painted; `log common` and `log recent` give all of it. */
const longestText = 1000;

/** Polls which logs there are, the leaderboard of the selected one and, while a message is open, the recent lines. */
export const feed: Feed<LogSlice> = {
  everyMs: 2000,

  subject: ({ selected, isOpen }) => `${isOpen} ${selected?.severity} ${selected?.name}`,

  async read({ redis, config }, slice) {
    const known = logs(redis);
    // Only before the first reading does one question wait for another.
    const selected = slice.selected ?? logToShow(await known, undefined);
    const [all, board, lines] = await Promise.all([
      known,
      selected && common(redis, selected, { ...most, readOnly: config.readOnly }),
      selected && slice.isOpen ? recentOf(redis, selected) : undefined,
    ]);
    const reading = { logs: all, selected, board: board && boardOf(board), recent: lines };
    return (current) => {
      const next = learn(current, reading);
      return isDeepStrictEqual(next, current) ? current : next;
    };
  },
};

function boardOf({ hour, previousHour, elapsed, entries, gone, ...totals }: Common): Board {
  const { total, distinct, previousTotal } = totals;
  return {
    hourMs: epochMs(hour),
    previousHourMs: previousHour === null ? undefined : epochMs(previousHour),
    elapsedMinutes: Math.ceil(elapsed * 60),
    total,
    distinct,
    previousTotal,
    entries: entries.map(({ sample, ...entry }) => ({ ...entry, sample: sample.slice(0, longestText) })),
    gone,
  };
}

async function recentOf(redis: Client, log: Log): Promise<Line[]> {
  const lines = await recent(redis, log);
  return lines.map(({ at, message }) => ({
    at,
    message: message.slice(0, longestText),
    template: mask(message).slice(0, longestText),
  }));
}

function epochMs(hour: string): number {
  return Date.parse(`${hour}Z`);
}

import { registryKey } from '../../redis/registry.ts';
import { formatCount } from '../../ui/format.ts';
import { zonedClock } from '../../ui/times.ts';
import { defineFeature } from '../feature.ts';
import { commands, listLogs } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { joinLogName } from './keys.ts';
import { roles } from './roles.ts';
import { type Board, initial, type LogSlice, logList, show } from './state.ts';

export default defineFeature<LogSlice>({
  noun: 'log',
  summary: 'what happens often, against the hour before, and what happened last',
  initial: () => initial,
  feed,
  commands,
  roles,
  keys,
  list: logList,
  isEmpty: ({ logs }) => logs?.length === 0,
  needs: () => [],
  places: {
    all: ({ logs = [] }) =>
      logs.map((one) => ({ place: joinLogName(one), ties: [one.name, joinLogName(one)] })),
    show(slice, place) {
      const found = slice.logs?.find((one) => joinLogName(one) === place);
      return found ? show(slice, found) : slice;
    },
  },
  breadth: 2,
  headline({ logs = [], total, selected, board }) {
    if (!selected) return '';
    const shown = total > logs.length ? [`${formatCount(logs.length)} of ${formatCount(total)} logs`] : [];
    return [joinLogName(selected), ...(board ? [rangeOf(board)] : []), ...shown].join('  ');
  },
  doctor,
  async snapshot(context) {
    const { found, wrong, cuts } = await listLogs(context);
    for (const cut of cuts) context.warn?.(cut);
    for (const { message } of wrong) context.warn?.(message);
    return found;
  },
  nothing: {
    words: 'No log that Quarterdeck knows of',
    looked: [registryKey('log')],
    first: 'quarterdeck log write NAME MESSAGE',
  },
  discovery: {
    what: 'logs that only other programs write',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./log-pane.tsx')).LogPane,
});

function rangeOf({ previousHourMs, hourMs }: Board): string {
  if (hourMs === undefined) return 'hour unknown';
  const now = `${zonedClock(hourMs)}-now`;
  return previousHourMs === undefined ? now : `${zonedClock(previousHourMs)}-${zonedClock(hourMs)} → ${now}`;
}

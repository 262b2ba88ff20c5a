import { formatAge, formatBytes, formatCount } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import type { Text } from '../feature.ts';
import type { TopicStatus } from './layout.ts';

/** `topic status` for people: a line for each subscriber, or for a topic that has none. */
export function statusTable(statuses: readonly TopicStatus[], nowMs: number): Text {
  const rows = [['topic', 'last id', 'retained', 'bytes', 'subscriber', 'position', 'lag', 'state', 'seen']];
  for (const status of statuses) {
    const { topic: topicName, lastId, retained, bytes, subscribers } = status;
    const own = [topicName, String(lastId), formatCount(retained), bytes === null ? '-' : formatBytes(bytes)];
    for (const each of subscribers) {
      const state = each.blocked ? `blocked at ${each.blocked.id}` : each.condition;
      const aside = each.aside > 0 ? `, ${formatCount(each.aside)} aside` : '';
      const seen = each.seenMs === 0 ? '-' : formatAge(nowMs - each.seenMs);
      rows.push([...own, each.name, String(each.position), formatCount(each.lag), state + aside, seen]);
    }
    if (subscribers.length === 0) rows.push([...own, '-', '', '', '', '']);
  }
  return textTable(rows, { right: [1, 2, 3, 5, 6, 8] });
}

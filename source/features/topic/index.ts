import { registryKey } from '../../redis/registry.ts';
import { counted, formatCount } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { topicJson } from './layout.ts';
import { needsOf } from './needs.ts';
import { unreadableText } from './replies.ts';
import { roles } from './roles.ts';
import { initial, type TopicSlice, topicList } from './state.ts';
import { inspectAll } from './topic.ts';

export default defineFeature<TopicSlice>({
  noun: 'topic',
  summary: 'messages that wait for every subscriber, in order, until each has done them',
  initial: () => initial,
  feed,
  commands,
  roles,
  keys,
  list: topicList,
  names: {
    TOPIC: (slice) => topicList.rows(slice).map(({ topic }) => topic.topic),
    NAME: (slice) => topicList.rows(slice).flatMap(({ subscriber }) => subscriber?.name ?? []),
  },
  headline({ topics, totals }) {
    if (topics.length === 0) return '';
    if (totals) {
      const shown = topics.reduce((sum, topic) => sum + topic.subscribers.length, 0);
      const rows = totals.isCounted
        ? `${formatCount(shown)} of ${counted(totals.subscribers, 'subscriber')}`
        : '';
      return [`${formatCount(topics.length)} of ${counted(totals.topics, 'topic')}`, rows]
        .filter(Boolean)
        .join('  ');
    }
    const subscribers = topics.reduce((sum, topic) => sum + topic.subscriberCount, 0);
    return `${counted(topics.length, 'topic')}  ${counted(subscribers, 'subscriber')}`;
  },
  needs: needsOf,
  ticks: ({ topics }) =>
    topics.some(({ subscribers }) => subscribers.some(({ oldestAtMs }) => oldestAtMs !== undefined)),
  clocks: ['at'],
  doctor,
  async snapshot({ redis, warn }) {
    const { topics, unreadable, cuts } = await inspectAll(redis);
    for (const text of [...cuts, ...unreadable.map(unreadableText)]) warn?.(text);
    return topics.map(topicJson);
  },
  nothing: {
    words: 'No topic that Quarterdeck knows of',
    looked: [registryKey('topic')],
    first: 'quarterdeck topic publish TOPIC MESSAGE',
  },
  discovery: {
    what: 'topics that the index does not know',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./topic-pane.tsx')).TopicPane,
});

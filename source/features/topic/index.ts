import { counted } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import type { TopicStatus } from './layout.ts';
import { initial, type TopicSlice } from './state.ts';
import { alertsOf } from './status-text.ts';
import { surveyAll } from './topic.ts';

export default defineFeature<TopicSlice>({
  noun: 'topic',
  summary: 'messages that wait for every subscriber, in order, until each has done them',
  initial: () => initial,
  feed,
  commands,
  keys,
  headline({ topics, filter }) {
    if (filter !== '') return `/${filter}`;
    const subscribers = topics.reduce((sum, topic) => sum + topic.subscribers.length, 0);
    return topics.length === 0
      ? ''
      : `${counted(topics.length, 'topic')}  ${counted(subscribers, 'subscriber')}`;
  },
  alerts: alertsOf,
  ticks: ({ topics }) =>
    topics.some(({ subscribers }) => subscribers.some(({ oldestAtMs }) => oldestAtMs !== undefined)),
  clocks: ['at'],
  doctor,
  async snapshot({ redis }) {
    const found = await surveyAll(redis);
    return found.filter((each): each is TopicStatus => !(each instanceof Error));
  },
  pane: async () => (await import('./topic-pane.tsx')).TopicPane,
});

import { isDeepStrictEqual } from 'node:util';
import { isCluster } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import type { TopicStatus } from './layout.ts';
import { learn, type TopicSlice } from './state.ts';
import { surveyAll } from './topic.ts';

/** In Cluster each topic costs a command of its own. */
const mostTopics = { server: 100, cluster: 8 };
const mostSubscribers = 50;

/** Polls every topic's figures: on one server two commands, however many topics there are. */
export const feed: Feed<TopicSlice> = {
  everyMs: 1000,
  async read({ redis }) {
    const most = isCluster(redis) ? mostTopics.cluster : mostTopics.server;
    const found = await surveyAll(redis, { most, mostSubscribers });
    const topics = found.filter((each): each is TopicStatus => !(each instanceof Error));
    const wrong = found.filter((each) => each instanceof Error).map(({ message }) => message);
    const nowMs = Date.now();
    return (slice) => {
      const next = learn(slice, topics, wrong, nowMs);
      return isDeepStrictEqual(next, slice) ? slice : next;
    };
  },
};

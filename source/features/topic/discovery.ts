import { registerFound, unregistered } from '../../redis/registry.ts';
import type { Discovery } from '../feature.ts';
import { discover } from './discover.ts';

export const discovery: Discovery = {
  async find({ redis }, signal) {
    const { topics, foreign } = await discover(redis, signal);
    return { names: await unregistered(redis, 'topic', topics), passedOver: foreign };
  },
  register: ({ redis }, names) => registerFound(redis, 'topic', names),
};

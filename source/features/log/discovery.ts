import { registerFound, unregistered } from '../../redis/registry.ts';
import type { Discovery } from '../feature.ts';
import { discover } from './discover.ts';
import { joinLogName } from './keys.ts';

export const discovery: Discovery = {
  async find({ redis }, signal) {
    const logs = await discover(redis, signal);
    return { names: await unregistered(redis, 'log', logs.map(joinLogName)) };
  },
  register: ({ redis }, names) => registerFound(redis, 'log', names),
};

import { registerFound, unregistered } from '../../redis/registry.ts';
import type { Discovery } from '../feature.ts';
import { discover } from './discover.ts';

export const discovery: Discovery = {
  find: async ({ redis }, signal) => ({
    names: await unregistered(redis, 'buffer', await discover(redis, signal)),
  }),
  register: ({ redis }, names) => registerFound(redis, 'buffer', names),
};

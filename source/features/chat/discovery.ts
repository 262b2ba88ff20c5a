import { registerFound, unregistered } from '../../redis/registry.ts';
import type { Discovery } from '../feature.ts';
import { discover } from './room/rooms.ts';

export const discovery: Discovery = {
  find: async ({ redis }, signal) => ({
    names: await unregistered(redis, 'chat', await discover(redis, signal)),
  }),
  register: ({ redis }, names) => registerFound(redis, 'chat', names),
};

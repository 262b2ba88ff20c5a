import { registerFound, unregistered } from '../../redis/registry.ts';
import type { Discovery } from '../feature.ts';
import { discoverNames, inspect } from './inspect.ts';

export const discovery: Discovery = {
  async find({ redis }, signal) {
    const found = await discoverNames(redis, signal);
    const names = await unregistered(redis, 'lock', found.names);
    // What is free again meanwhile, or no lock at all, is not worth an entry.
    const { locks, unreadable } = await inspect(redis, names, { most: 0 });
    return {
      names: locks.map(({ name }) => name).toSorted(),
      passedOver: [...found.passedOver, ...unreadable.map(({ key }) => key)],
    };
  },
  register: ({ redis }, names) => registerFound(redis, 'lock', names),
};

import type { Guard } from '../feature.ts';
import { inspect } from './inspect.ts';
import { place } from './token.ts';

export const breakGuard: Guard<{ readonly name: string; readonly token: string | undefined }> = {
  loses: true,
  async look({ redis }, input) {
    const { locks } = await inspect(redis, [input.name], { most: 1 });
    const [lock] = locks;
    if (lock?.token === undefined) return;
    // The fence alone tells one holding from the next of the same process.
    const state = `held by ${place(lock.token)}${lock.fence === undefined ? '' : `, fence ${lock.fence}`}`;
    const [next] = lock.waiters;
    const follows = next ? ` ${next.host}:${next.pid} gets it.` : '';
    return {
      name: input.name,
      state,
      question: `Break ${input.name}, ${state}?${follows} The holder may go on until it renews.`,
      input: { ...input, token: input.token ?? lock.token },
    };
  },
};

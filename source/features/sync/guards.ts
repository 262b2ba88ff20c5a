import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import { status } from './status.ts';

type Input = { readonly base: string; readonly target: string; readonly channel: string };

export const forgetGuard: Guard<Input> = {
  loses: true,
  async look({ redis }, input) {
    // As its runner named it; the folder itself may be gone by now.
    const base = await realpath(input.base).catch(() => path.resolve(input.base));
    const all = await status(redis);
    const found = all.find(
      (one) => one.channel === input.channel && one.target === input.target && one.base === base,
    );
    if (!found) return;
    return {
      name: input.target,
      state: found.state === 'live' ? 'served by a process' : 'served by nobody',
      question: `Forget ${input.target} of ${input.base}? ${counted(found.queued, 'change')} queued for it go.`,
      input,
    };
  },
};

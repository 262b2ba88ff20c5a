import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import { leaseMs } from './channel/participant.ts';
import { look } from './channel/status.ts';

export const forgetGuard: Guard<{ readonly channel: string; readonly consumer: string }> = {
  loses: false,
  async look({ redis }, input) {
    const view = await look(redis, input.channel);
    const consumer = view?.consumers.find(({ id }) => id === input.consumer);
    if (!view || !consumer) return;
    const { lag, seenMs } = consumer;
    const isLive = seenMs !== null && view.at - seenMs <= leaseMs;
    const misses =
      lag === 0 ? 'It has read everything so far.' : `It misses ${counted(lag, 'part')} it has not read.`;
    return {
      name: input.consumer,
      state: isLive ? 'it is live' : 'it is silent',
      question: `Forget consumer ${input.consumer} of ${input.channel}${isLive ? ', which is live' : ''}? ${misses}`,
      input,
    };
  },
};

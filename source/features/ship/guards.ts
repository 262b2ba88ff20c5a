import { counted, formatBytes } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import { asideParts } from './channel/aside.ts';
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

export const dropGuard: Guard<{
  readonly channel: string;
  readonly consumer: string;
  readonly parts: string[];
}> = {
  loses: true,
  async look({ redis }, input) {
    const { channel, consumer } = input;
    const wanted = new Set(input.parts);
    const found = (await asideParts(redis, channel)).filter(
      (each) => each.consumer === consumer && wanted.has(each.part),
    );
    if (found.length === 0) return;
    const total = formatBytes(found.reduce((sum, { bytes }) => sum + bytes, 0));
    const [first] = found;
    const what = found.length === 1 ? first?.part : counted(found.length, 'part');
    return {
      name: channel,
      state: `${counted(found.length, 'part')} aside, ${total}`,
      question: `Give up ${what} (${total}) for consumer ${consumer} of ${channel}?`,
      input,
    };
  },
};

import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import type { LayoutName } from './layout.ts';
import { topicStatus } from './topic.ts';

type Input = { readonly topic: string; readonly subscriber: string; readonly layout: LayoutName };

export const dropGuard: Guard<Input> = {
  loses: true,
  async look({ redis }, input) {
    const { subscribers } = await topicStatus(redis, input.topic, input.layout);
    const subscriber = subscribers.find(({ name }) => name === input.subscriber);
    if (!subscriber) return;
    const { lag, state, owner } = subscriber;
    const by = owner === '' ? 'another program' : owner;
    const left =
      lag === 0 ? 'It has read everything.' : `${counted(lag, 'message')} it has not read go with it.`;
    return {
      name: input.subscriber,
      state: state === 'live' ? `served by ${by}` : 'served by nobody',
      question: `Drop ${input.subscriber} of ${input.topic}${state === 'live' ? `, served by ${by}` : ''}? ${left}`,
      input,
    };
  },
};

import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import type { LayoutName } from './layout.ts';
import { asideOf } from './subscriber/aside.ts';
import { openTopic } from './topic.ts';

type Input = { readonly topic: string; readonly subscriber: string; readonly layout: LayoutName };

type Discard = Input & { readonly ids: number[]; readonly all: boolean };

export const discardGuard: Guard<Discard> = {
  loses: true,
  async look({ redis }, input) {
    const store = openTopic(redis, input.topic, input.layout);
    const { messages: found } = await asideOf(store, input.subscriber, input.all ? undefined : input.ids);
    if (found.length === 0) return;
    return {
      name: input.subscriber,
      state: `${counted(found.length, 'message')} aside`,
      question: `Discard ${counted(found.length, 'message')} set aside for ${input.subscriber} of ${input.topic}, never done?`,
      // What is set aside meanwhile was not asked about.
      input: { ...input, all: false, ids: found.map(({ id }) => id) },
    };
  },
};

export const dropGuard: Guard<Input> = {
  loses: true,
  async look({ redis }, input) {
    const { topics } = await openTopic(redis, input.topic, input.layout).inspect([input.subscriber]);
    const subscriber = topics[0]?.subscribers.find(({ name }) => name === input.subscriber);
    if (!subscriber) return;
    const { lag, state, owner, aside } = subscriber;
    const by = owner === '' ? 'another program' : owner;
    const left =
      lag === 0 ? 'It has read everything.' : `${counted(lag, 'message')} it has not read go with it.`;
    return {
      name: input.subscriber,
      state: state === 'live' ? `served by ${by}` : 'served by nobody',
      question: `Drop ${input.subscriber} of ${input.topic}${state === 'live' ? `, served by ${by}` : ''}? ${left}${aside > 0 ? ` So do ${counted(aside, 'message')} set aside.` : ''}`,
      input,
    };
  },
};

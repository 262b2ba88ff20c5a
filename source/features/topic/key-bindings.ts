import { chosenRow } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { type TopicSlice, topicList } from './state.ts';

export const keys: readonly KeyBinding<TopicSlice>[] = [
  {
    key: 'p',
    help: 'publish: a message to this topic',
    verb: 'publish',
    refuse: noTopic,
    ask: { label: (slice) => `publish to ${chosenRow(topicList, slice)?.topic.topic ?? ''} ›` },
    input(slice, typed) {
      const { topic = '', layout = 'own' } = chosenRow(topicList, slice)?.topic ?? {};
      // A lone `-` would ask for stdin.
      return { topic, layout, messages: [typed === '-' ? '- ' : typed] };
    },
  },
  {
    key: 'x',
    help: 'drop: this subscriber and what only it still has to read',
    verb: 'drop',
    eachMarked: true,
    refuse(slice) {
      const line = chosenRow(topicList, slice);
      return line && !line.subscriber ? `Nobody is subscribed to ${line.topic.topic}` : noTopic(slice);
    },
    input(slice) {
      const { topic, subscriber } = chosenRow(topicList, slice) ?? {};
      return { topic: topic?.topic, subscriber: subscriber?.name, layout: topic?.layout };
    },
  },
];

function noTopic(slice: TopicSlice): string | undefined {
  return chosenRow(topicList, slice)
    ? undefined
    : 'There is no topic yet: `quarterdeck topic publish` makes one';
}

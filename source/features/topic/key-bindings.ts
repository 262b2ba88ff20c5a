import type { KeyBinding } from '../feature.ts';
import { move, selectedLine, type TopicSlice } from './state.ts';

const far = 1_000_000;

export const keys: readonly KeyBinding<TopicSlice>[] = [
  { key: ['up', 'k'], help: 'previous subscriber', change: (slice) => move(slice, -1) },
  { key: ['down', 'j'], help: 'next subscriber', change: (slice) => move(slice, 1) },
  { key: ['pageup', 'ctrl+u'], help: 'page up', change: (slice, { rows }) => move(slice, 2 - rows) },
  { key: ['pagedown', 'ctrl+d'], help: 'page down', change: (slice, { rows }) => move(slice, rows - 2) },
  { key: ['home', 'g'], help: 'first subscriber', change: (slice) => move(slice, -far) },
  { key: ['end', 'G'], help: 'last subscriber', change: (slice) => move(slice, far) },
  {
    key: '/',
    help: 'filter: by topic or subscriber',
    ask: {
      label: () => 'filter ›',
      initial: ({ filter }) => filter,
      follow: (slice, typed) => ({ ...slice, filter: typed }),
    },
  },
  {
    key: 'p',
    help: 'publish: a message to this topic',
    verb: 'publish',
    refuse: noTopic,
    ask: { label: (slice) => `publish to ${selectedLine(slice)?.topic.topic ?? ''} ›` },
    input(slice, typed) {
      const { topic = '', layout = 'own' } = selectedLine(slice)?.topic ?? {};
      // A lone `-` would ask for stdin.
      return { topic, layout, messages: [typed === '-' ? '- ' : typed] };
    },
  },
  {
    key: 'x',
    help: 'drop: this subscriber and what only it still has to read',
    verb: 'drop',
    refuse(slice) {
      const line = selectedLine(slice);
      return line && !line.subscriber ? `Nobody is subscribed to ${line.topic.topic}` : noTopic(slice);
    },
    input(slice) {
      const { topic, subscriber } = selectedLine(slice) ?? {};
      return { topic: topic?.topic, subscriber: subscriber?.name, layout: topic?.layout };
    },
  },
];

function noTopic(slice: TopicSlice): string | undefined {
  return selectedLine(slice) ? undefined : 'There is no topic yet: `quarterdeck topic publish` makes one';
}

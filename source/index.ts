export * as chat from './features/chat/library.ts';
export { acquire, type Held, hold, type LockOptions } from './features/lock/lock.ts';
export { type Gap, type Item, isGap, type Message, type TopicStatus } from './features/topic/layout.ts';
export { type Published, publish, settlePublished } from './features/topic/publish.ts';
export { type SubscribeOptions, subscribe } from './features/topic/subscribe.ts';
export { Subscription, type SubscriptionOptions } from './features/topic/subscription.ts';
export { dropSubscriber, topicStatus, topics } from './features/topic/topic.ts';

/** What programs that use topics without the screen import. */
export {
  BlockedError,
  MessageTooLargeError,
  SeatLostError,
  SubscriberDroppedError,
  SubscriberInUseError,
} from './errors.ts';
export { type Gap, type Item, isGap, type Message, type Retention, type TopicStatus } from './layout.ts';
export { setRetention } from './own-layout.ts';
export { type Published, publish, settlePublished as settle } from './publish.ts';
export { type SubscribeOptions, subscribe } from './subscribe.ts';
export { Subscription, type SubscriptionOptions } from './subscription.ts';
export { dropSubscriber as drop, topicStatus as status, topics as list } from './topic.ts';

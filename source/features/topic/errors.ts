import { QuarterdeckError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';

/** A name that cannot be a topic's. */
export class TopicNameError extends QuarterdeckError {
  constructor(topic: string, reason: string) {
    super('usage', 'TOPIC_NAME', `Expected a topic name, got \`${topic}\`: ${reason}`, {
      hint: 'Colons, spaces and a hash tag such as `{news}:eu` are fine',
    });
  }
}

/** One message is larger than a topic takes. Nothing of its batch was published. */
export class MessageTooLargeError extends QuarterdeckError {
  constructor(topic: string, bytes: number, most: number) {
    super(
      'data',
      'MESSAGE_TOO_LARGE',
      `Expected a message of at most ${most} bytes for topic \`${topic}\`, got ${bytes} bytes`,
      { hint: 'Put the content into a key or a file, ship it with `quarterdeck ship`, and publish its name' },
    );
  }
}

/** Another live process serves this subscriber name. */
export class SubscriberInUseError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, owner: string) {
    super(
      'data',
      'SUBSCRIBER_IN_USE',
      `Subscriber \`${subscriber}\` of topic \`${topic}\` is served by ${owner || 'another process'}`,
      { hint: 'Choose another --as NAME, or add --standby to wait and take over when that process ends' },
    );
  }
}

/** This process was silent for longer than its lease, and another one took the subscriber's seat. */
export class SeatLostError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, owner: string) {
    super(
      'data',
      'SUBSCRIBER_TAKEN_OVER',
      `Subscriber \`${subscriber}\` of topic \`${topic}\` was taken over by ${owner || 'another process'}`,
      { hint: 'Messages not yet acknowledged are delivered there; a longer lease allows longer silence' },
    );
  }
}

/** The subscriber was dropped, or the server lost it. */
export class SubscriberDroppedError extends QuarterdeckError {
  constructor(topic: string, subscriber: string) {
    super('data', 'SUBSCRIBER_DROPPED', `Subscriber \`${subscriber}\` of topic \`${topic}\` was dropped`, {
      hint: 'Subscribe again to register it anew, at the start of what is retained or from now',
    });
  }
}

/** There is no such subscriber to drop. */
export class NoSubscriberError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, known: readonly string[] = []) {
    const meant = nearest(subscriber, known);
    super('data', 'NO_SUBSCRIBER', `Topic \`${topic}\` has no subscriber \`${subscriber}\``, {
      hint: `${meant === undefined ? '' : `Did you mean \`${meant}\`? `}\`quarterdeck topic status ${topic}\` lists them`,
    });
  }
}

/** A handler kept failing on one message: the subscriber stands before it, nothing is skipped. */
export class BlockedError extends QuarterdeckError {
  readonly id: number;

  constructor(topic: string, subscriber: string, id: number, attempts: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      'program',
      'SUBSCRIBER_BLOCKED',
      `Subscriber \`${subscriber}\` of topic \`${topic}\` is blocked at message ${id}: failed ${attempts} times, ${reason}`,
      { cause, hint: 'Mend the handler and subscribe again: it goes on with this very message' },
    );
    this.id = id;
  }
}

/** A key layout that cannot be used there. */
export class LayoutError extends QuarterdeckError {
  constructor(reason: string) {
    super('usage', 'LAYOUT', `The seed layout cannot be used: ${reason}`, {
      hint: 'Leave --layout away to use the keys under `topic:`',
    });
  }
}

/** Another publisher holds the seed layout's lock, which has no expiry, for too long. */
export class SeedLockError extends QuarterdeckError {
  constructor(waitedMs: number) {
    super(
      'data',
      'SEED_LOCKED',
      `Key \`pubsub:lock\` was held by another publisher for ${waitedMs / 1000}s`,
      {
        hint: 'If its owner died, nobody will ever release it: `redis-cli DEL pubsub:lock`',
      },
    );
  }
}

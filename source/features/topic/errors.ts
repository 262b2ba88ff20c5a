import { messageOf, QuarterdeckError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { shellWord } from '../../shell-word.ts';
import { described } from '../../values.ts';

/** A name that cannot be a topic's. */
export class TopicNameError extends QuarterdeckError {
  constructor(topic: unknown, reason: string) {
    super('usage', 'TOPIC_NAME', `Expected a topic name, got ${described(topic)}: ${reason}`, {
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

/** This process was silent for longer than its lease, and another one serves the subscriber now. */
export class SubscriberLeaseLostError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, owner: string) {
    super(
      'data',
      'SUBSCRIBER_TAKEN_OVER',
      `Subscriber \`${subscriber}\` of topic \`${topic}\` was taken over by ${owner || 'another process'}`,
      { hint: 'Messages not yet acknowledged are delivered there; a longer lease allows longer silence' },
    );
  }
}

/** The subscriber was dropped by somebody. One that the server lost is registered again instead. */
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
      hint: `${meant === undefined ? '' : `Did you mean \`${meant}\`? `}\`quarterdeck topic status ${shellWord(topic)}\` lists them`,
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

/** A handler failed for good on this message. It is set aside, and the next one follows. */
export class MessageSetAsideError extends QuarterdeckError {
  readonly id: number;

  constructor(topic: string, subscriber: string, id: number, cause: unknown) {
    super(
      'program',
      'MESSAGE_SET_ASIDE',
      `Message ${id} of topic \`${topic}\` was set aside for \`${subscriber}\`: ${messageOf(cause)}`,
      { cause, hint: `\`quarterdeck topic aside ${shellWord(topic)}\` lists what is` },
    );
    this.id = id;
  }
}

/** Messages that were set aside were attempted again and failed; they still are aside. The cause is the first failure. */
export class StillAsideError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, count: number, cause?: unknown) {
    super(
      'program',
      'STILL_ASIDE',
      `${count} of the messages set aside for \`${subscriber}\` of topic \`${topic}\` failed again and stay aside`,
      {
        cause,
        hint: 'Mend what failed and retry; `quarterdeck topic discard` forgets what can never be done',
      },
    );
  }
}

/** What is stored in the place of a message is longer than a message can be, and is not read. */
export class AsideTooLargeError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, id: number) {
    super(
      'data',
      'ASIDE_TOO_LARGE',
      `Message ${id} set aside for \`${subscriber}\` of topic \`${topic}\` is longer than a message can be`,
      { hint: 'Another program wrote it; `quarterdeck topic discard` forgets it' },
    );
  }
}

/** None of these messages is set aside. */
export class MessageNotAsideError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, ids: readonly number[]) {
    super(
      'data',
      'MESSAGE_NOT_ASIDE',
      `Nothing with ${ids.length === 1 ? 'id' : 'the ids'} ${ids.slice(0, 20).join(', ')} is set aside for \`${subscriber}\` of topic \`${topic}\``,
      { hint: `\`quarterdeck topic aside ${shellWord(topic)}\` lists what is` },
    );
  }
}

/** A key layout that cannot be used there. */
export class LayoutError extends QuarterdeckError {
  constructor(reason: string) {
    super('usage', 'LAYOUT', `The legacy plain-key layout (\`--layout seed\`) cannot be used: ${reason}`, {
      hint: 'Leave --layout away to use the keys under `topic:`',
    });
  }
}

/** Another publisher holds the lock of the legacy layout, which has no expiry, for too long. */
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

/** The server lost a subscriber, as by FLUSHALL or a restart without its data. It was registered again. */
export class SubscriberRegisteredAgainError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, done: number, position: number) {
    const what =
      position === done
        ? `it goes on after message ${position}`
        : `it had done message ${done} of a topic that begins anew, and reads from the start`;
    super(
      'data',
      'SUBSCRIBER_REGISTERED_AGAIN',
      `The server had lost subscriber \`${subscriber}\` of topic \`${topic}\`; it was registered again: ${what}`,
      { hint: 'FLUSHALL, or a restart without its data; what the server lost cannot be delivered any more' },
    );
  }
}

/** The server lost the newest messages and gave their ids anew; the new ones are read. */
export class MessagesForgottenError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, done: number, position: number) {
    super(
      'data',
      'MESSAGES_FORGOTTEN',
      `The server had lost messages ${position + 1} to ${done} of topic \`${topic}\`, which \`${subscriber}\` had read; it reads what has these ids now`,
      { hint: 'A failover or a restart lost what was not yet replicated or saved' },
    );
  }
}

/** What was acknowledged could not be saved before the end: it will be delivered again. */
export class NotAcknowledgedError extends QuarterdeckError {
  constructor(topic: string, subscriber: string, saved: number, done: number, cause?: unknown) {
    super(
      'connection',
      'NOT_ACKNOWLEDGED',
      `Redis did not confirm that subscriber \`${subscriber}\` of topic \`${topic}\` has done messages ${saved + 1} to ${done}`,
      { cause, hint: 'They are delivered again to whoever subscribes next', isRetryable: true },
    );
  }
}

import type { Redis } from 'ioredis';
import type { Client } from '../../redis/client.ts';
import type { Condition } from './condition.ts';

/** One message, as a subscriber gets it. */
export type Message = {
  readonly id: number;
  /** Epoch ms at which the server stored it; null in the seed layout, which does not say. */
  readonly at: number | null;
  readonly message: string;
};

/**
 * Retention removed these before this subscriber had seen them or, with a reason such as `they cannot be read`, what is
 * stored there is no message of ours.
 */
export type Gap = { readonly gap: { readonly from: number; readonly to: number; readonly reason?: string } };

export type Item = Message | Gap;

export function isGap(item: Item): item is Gap {
  return 'gap' in item;
}

/** The last id it is about. */
export function idOf(item: Item): number {
  return isGap(item) ? item.gap.to : item.id;
}

/** How long and how much a topic keeps what not every subscriber has done yet; 0 is no limit. */
export type Retention = {
  readonly maxAgeMs: number;
  readonly maxLen: number;
  readonly maxBytes: number;
  /** A subscriber not seen for so long holds nothing back any more. */
  readonly lapseMs: number;
};

/** A place in a topic: an id and when it was stored, which is how the store finds it; 0 when nobody knows. */
export type Place = { readonly id: number; readonly at: number };

export type Read = {
  readonly items: readonly Item[];
  readonly bytes: number;
  /** The id before the first entry's first message, and when that entry was stored. */
  readonly before?: Place | undefined;
  /** The last id of the last entry, and when that was stored; undefined when nothing was read. */
  readonly last?: Place | undefined;
};

/** What one turn of a subscriber gave. */
export type Turn =
  | (Read & { readonly name: 'read'; readonly floor: Place })
  | { readonly name: 'forgotten'; readonly last: Place }
  | { readonly name: 'dropped' }
  /** The server does not know the subscriber any more, and nobody dropped it. */
  | { readonly name: 'lost' }
  | { readonly name: 'taken'; readonly by: string };

export type Claim =
  | { readonly name: 'ours'; readonly position: Place }
  | { readonly name: 'taken'; readonly by: string; readonly seenMs: number };

export type TurnRequest = {
  /** Everything up to this id is done; 0 changes nothing. */
  readonly done: Place;
  readonly after: Place;
  /** How many entries to read at first; 0 reads nothing. */
  readonly step: number;
  /** Ask to be notified when there is nothing to read. */
  readonly arm: boolean;
  /** Note how the lag has changed since the last time. */
  readonly pace?: boolean;
};

export type AwaitRequest = { readonly after: Place; readonly step: number; readonly withinMs: number };

/** A process that serves, or wants to serve, a subscriber. */
export type Server = { readonly name: string; readonly token: string };

/** Where a name that the server does not know begins: at the start, with what comes next, or where it was before. */
export type From = 'start' | 'now' | Place;

export type SubscriberStatus = {
  readonly name: string;
  readonly position: number;
  readonly lag: number;
  /** Epoch ms of its last sign of life; 0 when it never gave one. */
  readonly seenMs: number;
  readonly state: 'live' | 'idle' | 'lapsed';
  readonly condition: Condition;
  /** How many messages retention removed before it saw them. */
  readonly missed: number;
  /** Epoch ms of the oldest message it has not done; null when there is none, or the layout does not say. */
  readonly oldestAt: number | null;
  /** host:pid of the process that serves it, or served it last. */
  readonly owner: string;
  readonly blocked: Blocked | null;
  /** How many messages were set aside for it because its handler could not do them. */
  readonly aside: number;
};

/** A message whose handler keeps failing. */
export type Blocked = { readonly id: number; readonly attempts: number; readonly error: string };

export type LayoutName = 'own' | 'seed';

export type TopicStatus = {
  readonly topic: string;
  readonly layout: LayoutName;
  /** When this was so, by the server's clock. */
  readonly at: number;
  readonly lastId: number;
  /** Every id up to this one is gone. */
  readonly floor: number;
  readonly retained: number;
  /** Null where the server may not be asked for it. */
  readonly bytes: number | null;
  /** A subscriber unseen for so long holds nothing back; 0: it always does. */
  readonly lapseMs: number;
  /** How many there are; `subscribers` holds them all unless fewer were asked for, or they are more than 8 MiB. */
  readonly subscriberCount: number;
  /** By name. */
  readonly subscribers: readonly SubscriberStatus[];
};

/** Something of a topic that cannot be read, such as a key of another type. */
export type Unreadable = { readonly topic: string; readonly key: string; readonly error: Error };

export type Inspection = {
  readonly topics: readonly TopicStatus[];
  readonly unreadable: readonly Unreadable[];
  /** What is missing because there is too much of it, in sentences. */
  readonly cuts: readonly string[];
  /** Topics that were not looked at because of that. */
  readonly rest: readonly string[];
};

/** One topic in one key layout: the acts everything else is made of. Each is one script, safe to be sent twice. */
export type TopicStore = {
  readonly client: Client;
  readonly topic: string;
  /** The channels to listen on. Their messages only say that there may be something. */
  readonly channels: readonly string[];
  /** What a message on a channel says when the publisher has sent everything; undefined where there is no such thing. */
  readonly endMark?: string;
  /** Tells subscribers that this is the end, where the layout has such a mark. */
  readonly complete?: () => Promise<void>;
  /**
   * @returns the id of the last of them; -1 when the frame with the number before is not stored, unless it
   *   `followsAny`
   */
  publish(
    producer: string,
    sequence: number,
    messages: readonly string[],
    followsAny?: boolean,
  ): Promise<number>;
  /** Forgets a producer nothing of which is in flight. */
  retire(producer: string): Promise<void>;
  claim(server: Server, options: { from: From; label: string; leaseMs: number }): Promise<Claim>;
  turn(server: Server, request: TurnRequest): Promise<Turn>;
  /** Reads what comes next, waiting for it on a connection of its own; none where that cannot be done. */
  readonly await?: (connection: Redis, request: AwaitRequest) => Promise<Read>;
  release(server: Server): Promise<void>;
  drop(name: string): Promise<boolean>;
  block(name: string, blocked: Blocked | undefined): Promise<void>;
  /** Where a subscriber's messages lie that are set aside, and where they are counted. */
  asideKeys(name: string): readonly [aside: string, state: string];
  /** Removes what all have done and what retention no longer keeps. @returns how many messages */
  sweep(): Promise<number>;
  /** Puts the topic into the index of what exists; at most once a minute. */
  register(): Promise<void>;
  /** Its status, unless it cannot be read; with these subscribers where names are given and the layout allows it. */
  inspect(names?: readonly string[]): Promise<Inspection>;
};

/** A topic as `topic status --json` and the snapshot tell of it: how many subscribers there are only where some are missing. */
export function topicJson(
  status: TopicStatus,
): Omit<TopicStatus, 'subscriberCount'> & Partial<Pick<TopicStatus, 'subscriberCount'>> {
  const { subscriberCount, ...topic } = status;
  return topic.subscribers.length < subscriberCount ? status : topic;
}

/** Whether anybody ever published or subscribed to it, as far as the server knows. */
export function isThere({ lastId, subscriberCount }: TopicStatus): boolean {
  return lastId > 0 || subscriberCount > 0;
}

import { DeniedError, QuarterdeckError } from '../errors.ts';
import { warn } from '../warnings.ts';
import { channelRule, ownListener } from './channels.ts';
import type { Client } from './client.ts';
import { startSubscriber } from './subscriber.ts';

/**
 * Waiting for a message on a channel or for a time: the one way in which anything of ours waits for something to
 * happen in Redis. A message is a notification and never data: it may be lost, so whoever waits looks again after a
 * while in any case, and when the subscription had to be made anew.
 *
 *     const hearing = notifierOf(client, listen).hear('lock-wake:deploy');
 *     while (!isDone()) {
 *       look();
 *       await hearing.wait(5000, signal);
 *     }
 *     hearing.close();
 *
 * Where channels are refused (a user of Redis 7 has none unless granted) or do not exist (some proxies), it polls:
 * `wait` then lasts `pollMs` at most, and one note names the rule to grant. So it does with a client that hears none. All of a client share one connection that
 * listens, made when the first channel is heard.
 */
export type Notifier = { hear(channel: string, listener?: Listener): Hearing };

export type Listener = {
  onMessage?(message: string): void;
  /** The subscription was made, or made anew: what was published before was not heard. */
  onGap?(): void;
  /** The server refuses the channel. Without this, the process is warned once. */
  onDenied?(error: QuarterdeckError): void;
  /** How long a wait lasts at most while messages are not heard; 1000 unless given. */
  readonly pollMs?: number;
};

export type Hearing = {
  /** `denied` may become `heard` when the right was granted meanwhile. */
  readonly state: 'asking' | 'heard' | 'denied';
  /** Resolves once it is known for the first time: true when heard, false when denied or closed. */
  readonly isHeard: Promise<boolean>;
  /** Resolves when a message or a gap came (also since the last wait), after `ms`, or when the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<'notified' | 'elapsed'>;
  close(): void;
};

const defaultPollMs = 1000;
const notifiers = new WeakMap<Client, Notifier>();

/** The same for the same client, whoever asks; the first says how its listening connection is made. */
export function notifierOf(client: Client, listen: () => Client = ownListener(client)): Notifier {
  const known = notifiers.get(client);
  if (known) return known;
  const made = startNotifier(listen);
  notifiers.set(client, made);
  return made;
}

function startNotifier(listen: () => Client): Notifier {
  const hearings = new Map<string, Set<ChannelHearing>>();
  const on = (channels: readonly string[], act: (hearing: ChannelHearing) => void): void => {
    for (const channel of channels) for (const hearing of hearings.get(channel) ?? []) act(hearing);
  };
  const subscriber = startSubscriber(listen, {
    onMessages(messages) {
      for (const { channel, message } of messages) on([channel], (hearing) => hearing.notify(message));
    },
    onGap: (channels) => on(channels, (hearing) => hearing.gap()),
    onDenied: (channels, error) => on(channels, (hearing) => hearing.deny(error)),
  });

  return {
    hear(channel, listener = {}) {
      const others = hearings.get(channel) ?? new Set<ChannelHearing>();
      const hearing = new ChannelHearing(channel, listener, () => {
        others.delete(hearing);
        if (others.size > 0 || hearings.get(channel) !== others) return;
        hearings.delete(channel);
        subscriber.want([...hearings.keys()]);
      });
      const [other] = others;
      others.add(hearing);
      if (!other) {
        hearings.set(channel, others);
        subscriber.want([...hearings.keys()]);
      } else if (other.state === 'heard') {
        // Nothing will be confirmed again for a channel that is heard already.
        queueMicrotask(() => hearing.gap());
      }
      return hearing;
    },
  };
}

class ChannelHearing implements Hearing {
  state: Hearing['state'] = 'asking';
  readonly isHeard: Promise<boolean>;
  readonly #channel: string;
  readonly #listener: Listener;
  readonly #leave: () => void;
  readonly #settled = Promise.withResolvers<boolean>();
  readonly #waiting = new Set<() => void>();
  #hasCome = false;
  #isClosed = false;

  constructor(channel: string, listener: Listener, leave: () => void) {
    this.#channel = channel;
    this.#listener = listener;
    this.#leave = leave;
    this.isHeard = this.#settled.promise;
  }

  wait(ms: number, signal?: AbortSignal): Promise<'notified' | 'elapsed'> {
    if (this.#hasCome) {
      this.#hasCome = false;
      return Promise.resolve('notified');
    }
    if (signal?.aborted || this.#isClosed) return Promise.resolve('elapsed');
    const longestMs = this.state === 'heard' ? ms : Math.min(ms, this.#listener.pollMs ?? defaultPollMs);
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        this.#waiting.delete(finish);
        resolve(this.#hasCome ? 'notified' : 'elapsed');
        this.#hasCome = false;
      };
      const timer = setTimeout(finish, longestMs);
      signal?.addEventListener('abort', finish, { once: true });
      this.#waiting.add(finish);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#settled.resolve(false);
    for (const finish of this.#waiting) finish();
    this.#leave();
  }

  notify(message: string): void {
    this.#wake();
    this.#listener.onMessage?.(message);
  }

  gap(): void {
    if (this.#isClosed) return;
    this.state = 'heard';
    this.#settled.resolve(true);
    this.#wake();
    this.#listener.onGap?.();
  }

  deny(cause: unknown): void {
    if (this.state === 'denied') return;
    this.state = 'denied';
    this.#settled.resolve(false);
    // Those who wait go on at the pace of polling.
    this.#wake();
    const hint = `Grant \`${channelRule(this.#channel)}\` to this user; until then Redis is asked about once a second`;
    const error = QuarterdeckError.is(cause)
      ? cause
      : new DeniedError('channel', this.#channel, { cause, hint });
    if (this.#listener.onDenied) this.#listener.onDenied(error);
    else warn(undefined, error);
  }

  #wake(): void {
    this.#hasCome = true;
    for (const finish of this.#waiting) finish();
  }
}

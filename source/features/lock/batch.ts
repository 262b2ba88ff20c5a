import { type Client, isCluster } from '../../redis/client.ts';

/**
 * Turns many calls of one tick into one command: what a hundred requests want at the same moment costs one round
 * trip and one script. A lone call goes out in the same tick. In Cluster each lock may live elsewhere, so each call
 * goes by itself. A text among the replies is the failure of that call alone.
 */
export function batched<Call, Reply>(
  send: (client: Client, calls: readonly Call[]) => Promise<readonly unknown[]>,
  parse: (reply: unknown) => Reply,
): (client: Client, call: Call) => Promise<Reply> {
  const pendingOf = new WeakMap<Client, Pending<Call, Reply>[]>();

  const flush = (client: Client): void => {
    const batch = pendingOf.get(client);
    pendingOf.delete(client);
    if (batch)
      deliver(
        batch,
        send(
          client,
          batch.map(({ call }) => call),
        ),
        parse,
      );
  };

  return (client, call) =>
    new Promise((resolve, reject) => {
      const pending = { call, resolve, reject };
      const batch = pendingOf.get(client);
      if (isCluster(client)) {
        deliver([pending], send(client, [call]), parse);
      } else if (batch === undefined) {
        pendingOf.set(client, [pending]);
        process.nextTick(flush, client);
      } else {
        batch.push(pending);
        if (batch.length >= longestBatch) flush(client);
      }
    });
}

/** A script of so many locks keeps the server busy for less than half a millisecond. */
const longestBatch = 100;

/** What Redis would have answered if this call had been alone. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

type Pending<Call, Reply> = {
  readonly call: Call;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
};

function deliver<Call, Reply>(
  batch: readonly Pending<Call, Reply>[],
  replies: Promise<readonly unknown[]>,
  parse: (reply: unknown) => Reply,
): void {
  replies.then(
    (each) => {
      for (let index = 0; index < batch.length; index += 1) {
        const pending = batch[index];
        const reply = each[index];
        if (typeof reply === 'string') pending?.reject(new ReplyError(reply));
        else pending?.resolve(parse(reply));
      }
    },
    (error: unknown) => {
      for (const { reject } of batch) reject(error);
    },
  );
}

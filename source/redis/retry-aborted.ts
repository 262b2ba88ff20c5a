import { refused } from './refusals.ts';

/**
 * Sends a command again when ioredis has given up on it.
 *
 * With autopipelining, commands of one tick travel as a batch. When the connection breaks after part of a batch was
 * answered, ioredis resends neither the rest nor says whether it ran: each is rejected with an AbortError. For a
 * command that survives being sent twice the answer is to send it again, which waits for the reconnect. Those that
 * come again this way may come after later ones.
 * @throws what the server refused it with as an error of ours; anything else as it came
 */
export async function retryAborted<Reply>(
  send: () => Promise<Reply>,
  explain: (error: unknown) => unknown = (error) => refused(error),
): Promise<Reply> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof Error && error.message === 'Command aborted due to connection close'))
        throw explain(error);
    }
  }
}

import type { Client } from '../../redis/client.ts';
import { counted } from '../../ui/format.ts';
import type { CommandContext } from '../feature.ts';
import { type Published, type PublishOptions, publish } from './publish.ts';

const mostOnTheWay = 10_000;

/**
 * Publishes each line. Lines that arrive together travel together, and no more than a bounded number is on its way;
 * ends with the lines, the signal, or the first failure.
 */
export async function publishLines(
  client: Client,
  topic: string,
  lines: AsyncIterable<string>,
  {
    unconfirmed,
    ...options
  }: PublishOptions & Partial<Pick<CommandContext, 'unconfirmed'>> & { readonly signal: AbortSignal },
): Promise<Published> {
  let first = 0;
  let last = 0;
  let count = 0;
  let isComplete = false;
  let failure: unknown;
  let onTheWay = 0;
  let failed = 0;
  // Once one was given up, the others are not to be waited for as long again.
  const givenUp = new AbortController();
  const signal = AbortSignal.any([options.signal, givenUp.signal]);
  unconfirmed?.(() =>
    onTheWay + failed === 0 ? undefined : `${counted(onTheWay + failed, 'message')} to ${topic}`,
  );
  let landed = Promise.withResolvers<void>();
  const land = (): void => {
    onTheWay -= 1;
    landed.resolve();
  };
  const roomFor = async (most: number): Promise<void> => {
    while (onTheWay > most) {
      landed = Promise.withResolvers();
      await landed.promise;
    }
  };
  try {
    for await (const line of lines) {
      if (failure !== undefined) {
        failed += 1;
        break;
      }
      onTheWay += 1;
      publish(client, topic, line, { ...options, signal }).then(
        (published) => {
          // Answers come in any order.
          if (published.count > 0) first = first === 0 ? published.first : Math.min(first, published.first);
          last = Math.max(last, published.last);
          count += published.count;
          isComplete ||= published.isComplete === true;
          land();
        },
        (error: unknown) => {
          failure ??= error;
          failed += 1;
          givenUp.abort();
          land();
        },
      );
      await roomFor(mostOnTheWay);
    }
  } catch (error) {
    // A line that cannot be read: those before it are on their way.
    failure ??= error;
  }
  await roomFor(0);
  if (failure !== undefined) throw failure;
  return { first, last, count, ...(isComplete ? { isComplete: true as const } : {}) };
}

import { messageOf } from '../../errors.ts';
import type { ReadContext } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { Ack, OpenNeed } from '../../need.ts';
import { mostOfRounds } from '../../redis/allowance.ts';
import { countReceived } from '../../redis/connection/received.ts';
import { formatBytes, formatCount } from '../../ui/format.ts';
import { canAsk } from '../unreachable.ts';
import { acksKey, readAcks } from './acks.ts';
import { type FoundNeed, makeRegistry } from './needs.ts';

/**
 * What needs a human, read as the console reads it, but at once: each feature is asked until it knows of
 * everything there is. Kept between two looks, a second look costs one reading a feature.
 */
export type NeedsReader = {
  read(context: ReadContext): Promise<readonly OpenNeed[]>;
};

/** A round through everything ends; one that does not, since things come faster than they are read, is left. */
const mostReadings = 20_000;

export function makeNeedsReader(features: readonly AnyFeature[], config: ReadContext['config']): NeedsReader {
  const registry = makeRegistry(config.needs, features);
  const slices: Record<string, unknown> = {};
  for (const feature of features) slices[feature.noun] = feature.initial(config);
  const whole = new Set<string>();

  const learn = async (
    feature: AnyFeature,
    context: ReadContext,
    isSpent: () => boolean,
  ): Promise<string | undefined> => {
    const { noun, feed } = feature;
    try {
      for (let reading = 0; reading < mostReadings; reading += 1) {
        const change = await feed.read(context, slices[noun]);
        slices[noun] = change(slices[noun]);
        if (!whole.has(noun) && !(feed.isWhole?.(slices[noun]) ?? true)) {
          if (isSpent()) return partText(feature, slices[noun], context);
          continue;
        }
        whole.add(noun);
        return undefined;
      }
      return `more comes than was read in ${mostReadings} readings`;
    } catch (error) {
      return messageOf(error);
    }
  };

  return {
    async read(context) {
      const chosen = features.filter((feature) => canAsk(context, feature));
      const isSpent = allowanceOf(context);
      const [{ acks, unreadAcks }, ...failures] = await Promise.all([
        readAcksIfPossible(context),
        ...chosen.map(async (feature) => ({ feature, failure: await learn(feature, context, isSpent) })),
      ]);
      const own = failures.flatMap(({ feature, failure }) =>
        failure === undefined ? [] : [unread(feature.noun, failure)],
      );
      return registry.open({
        features: chosen,
        slices,
        nowMs: Date.now(),
        acks,
        own: [...own, ...unreadAcks],
      });
    },
  };
}

/** Whether the servers have sent as much as one look takes in: others decide how much there is. */
function allowanceOf({ connections }: ReadContext): () => boolean {
  const counts = connections.map(({ ask }) => countReceived(ask));
  const received = () => counts.reduce((sum, count) => sum + count(), 0);
  const before = received();
  return () => received() - before > mostOfRounds;
}

/** `only 340 of 1,500 names were looked at to the end (16M, cut), and 51 rows are known` */
function partText({ list, feed }: AnyFeature, slice: unknown, { redis }: ReadContext): string {
  const { looked, known } = feed.progress?.(redis) ?? { looked: 0, known: 0 };
  const names = known > 0 ? `${formatCount(looked)} of ${formatCount(known)} names` : 'a part';
  const rows = formatCount(list.rows(slice).length);
  return `only ${names} were looked at to the end (${formatBytes(mostOfRounds)}, cut), and ${rows} rows are known`;
}

/** Who is on what; where that cannot be read, nobody is known to be, and that is a need of its own. */
export async function readAcksIfPossible(context: ReadContext): Promise<{
  readonly acks: ReadonlyMap<string, Ack>;
  readonly unreadAcks: readonly FoundNeed[];
}> {
  if (!canAsk(context, undefined)) return { acks: new Map(), unreadAcks: [] };
  try {
    return { acks: await readAcks(context.redis), unreadAcks: [] };
  } catch (error) {
    return { acks: new Map(), unreadAcks: [acksUnread(messageOf(error))] };
  }
}

export function acksUnread(failure: string): FoundNeed {
  const words = `who is on what is not read: ${failure}`;
  return { feature: 'server', kind: 'acks', name: acksKey, severity: 'warn', words };
}

/** What a pane does not know needs a human, too. */
export function unread(feature: string, failure: string) {
  return { feature, kind: 'unread', name: feature, severity: 'bad', words: `not read: ${failure}` } as const;
}

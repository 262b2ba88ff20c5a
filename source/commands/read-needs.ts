import { messageOf } from '../errors.ts';
import type { ReadContext } from '../features/feature.ts';
import type { AnyFeature } from '../features/index.ts';
import type { Ack, OpenNeed } from '../need.ts';
import { readAcks } from './acks.ts';
import { makeRegistry } from './needs.ts';
import { canAsk } from './unreachable.ts';

/**
 * What needs a human, read as the console reads it, but without its patience: each feature is asked until it knows of
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

  const learn = async (feature: AnyFeature, context: ReadContext): Promise<string | undefined> => {
    const { noun, feed } = feature;
    try {
      for (let reading = 0; reading < mostReadings; reading += 1) {
        const change = await feed.read(context, slices[noun]);
        slices[noun] = change(slices[noun]);
        if (whole.has(noun) || (feed.isWhole?.(slices[noun]) ?? true)) break;
      }
      whole.add(noun);
    } catch (error) {
      return messageOf(error);
    }
  };

  return {
    async read(context) {
      const chosen = features.filter((feature) => canAsk(context, feature));
      const [acks, ...failures] = await Promise.all([
        canAsk(context, undefined) ? readAcks(context.redis) : new Map<string, Ack>(),
        ...chosen.map(async (feature) => ({ feature, failure: await learn(feature, context) })),
      ]);
      const own = failures.flatMap(({ feature, failure }) =>
        failure === undefined ? [] : [unread(feature.noun, failure)],
      );
      return registry.open({ features: chosen, slices, nowMs: Date.now(), acks, own });
    },
  };
}

/** What a pane does not know needs a human, too. */
export function unread(feature: string, failure: string) {
  return { feature, kind: 'unread', name: feature, severity: 'bad', words: `not read: ${failure}` } as const;
}

import type { AnyFeature } from './feature.ts';

export type { AnyFeature } from './feature.ts';

/** Every feature by its noun; the order is the order on screen. A command loads only its own. */
export const features: Readonly<Record<string, () => Promise<AnyFeature>>> = {
  chat: async () => (await import('./chat/index.ts')).default,
  ship: async () => (await import('./ship/index.ts')).default,
  log: async () => (await import('./log/index.ts')).default,
  limit: async () => (await import('./limit/index.ts')).default,
  hits: async () => (await import('./hits/index.ts')).default,
  lock: async () => (await import('./lock/index.ts')).default,
  topic: async () => (await import('./topic/index.ts')).default,
  buffer: async () => (await import('./buffer/index.ts')).default,
  sync: async () => (await import('./sync/index.ts')).default,
  shards: async () => (await import('./shards/index.ts')).default,
};

/** The feature of this noun; undefined if there is none. */
export async function loadFeature(noun: string): Promise<AnyFeature | undefined> {
  return Object.hasOwn(features, noun) ? await features[noun]?.() : undefined;
}

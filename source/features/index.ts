import type { Feature } from './feature.ts';

// biome-ignore lint/suspicious/noExplicitAny: each feature keeps its own slice type; the list is heterogeneous
export type AnyFeature = Feature<any>;

/** Every feature by its noun; the order is the order on screen. A command loads only its own. */
export const features = {} as const satisfies Record<string, () => Promise<AnyFeature>>;

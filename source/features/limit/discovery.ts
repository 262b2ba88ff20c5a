import type { Discovery } from '../feature.ts';
import { discoverOver } from './spread.ts';

/** A key does not tell of how much its limit is, so that the index gets it with the next hit only. */
export const discovery: Discovery = {
  async find(context, signal) {
    const { limits, foreign, missing } = await discoverOver(context, signal);
    return {
      names: [],
      unlisted: limits.map(({ subject }) => subject).toSorted(),
      passedOver: foreign,
      missing: missing.map(({ message }) => message),
    };
  },
};

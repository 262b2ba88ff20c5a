import { expect, test } from 'vitest';
import { followAtRandom } from './follow-model.ts';

/** Random writers, every style of rotation, restarts, kills and full budgets: what was written arrives once, in order. */

const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.SEEDS ?? 12);
test.each(Array.from({ length: count }, (_, index) => first + index))('seed %i', async (seed) => {
  const { doubled, missing, disordered, torn, story } = await followAtRandom(seed);
  expect({ doubled, missing, disordered, torn, story: [] }).toEqual({
    doubled: [],
    missing: [],
    disordered: [],
    torn: [],
    story: doubled.length + missing.length + disordered.length + torn.length > 0 ? story : [],
  });
});

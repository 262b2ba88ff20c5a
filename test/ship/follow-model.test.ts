import { expect, test } from 'vitest';
import { followAtRandom } from './follow-model.ts';

/** Random writers, every style of rotation, restarts, kills and full budgets: what was written arrives once, in order. */

const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.SEEDS ?? 12);
test.each(Array.from({ length: count }, (_, index) => first + index))('seed %i', async (seed) => {
  const { doubled, missing, disordered, torn, misnamed, unreported, story } = await followAtRandom(seed);
  const wrong = [...doubled, ...missing, ...disordered, ...torn, ...misnamed, ...unreported];
  expect({ doubled, missing, disordered, torn, misnamed, unreported, story: [] }).toEqual({
    doubled: [],
    missing: [],
    disordered: [],
    torn: [],
    misnamed: [],
    unreported: [],
    story: wrong.length > 0 ? story : [],
  });
});

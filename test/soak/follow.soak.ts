import { expect, test } from 'vitest';
import { followAtRandom } from '../ship/follow-model.ts';

/** The model of test/ship/follow-model.ts with very many seeds: `SEEDS=1000 npm run soak -- follow`. */

const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.SEEDS ?? 1000);

test(`what was written arrives once and in order, with ${count} seeds`, async () => {
  const wrong: unknown[] = [];
  const startedAtMs = performance.now();
  let printedAtMs = startedAtMs;
  for (let seed = first; seed < first + count; seed += 1) {
    const { story, doubled, missing, disordered, torn } = await followAtRandom(seed);
    const found = [...doubled, ...missing, ...disordered, ...torn];
    if (found.length > 0) wrong.push({ seed, found, story });
    if (performance.now() - printedAtMs < 30_000) continue;
    printedAtMs = performance.now();
    const seconds = ((printedAtMs - startedAtMs) / 1000).toFixed(0);
    process.stdout.write(`${seed - first + 1} seeds in ${seconds} s, ${wrong.length} wrong\n`);
  }
  expect(wrong).toEqual([]);
});

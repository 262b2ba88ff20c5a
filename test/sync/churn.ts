import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const names = [
  'plain',
  'with space',
  'new\nline',
  '-dash',
  '--rsh=x',
  '*?[x]',
  'ünï',
  '{brace}',
  "quo'te",
  '#hash',
  '日本',
];

/** A small generator of numbers that gives the same tree for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Creates, changes, renames and deletes files and folders with odd names below `base`, at a steady rate. */
export async function churn(
  base: string,
  { perSecond, forMs, seed }: { perSecond: number; forMs: number; seed: number },
): Promise<number> {
  const next = random(seed);
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(next() * items.length)];
  const folder = (): string => {
    const depth = Math.floor(next() * 4);
    return path.join(base, ...Array.from({ length: depth }, () => `${pick(names)}${Math.floor(next() * 4)}`));
  };
  const startedAtMs = performance.now();
  const tickMs = 20;
  let changes = 0;
  while (performance.now() - startedAtMs < forMs) {
    while (changes < ((performance.now() - startedAtMs) * perSecond) / 1000) {
      change(folder(), `${pick(names)}${Math.floor(next() * 30)}`, next(), changes);
      changes += 1;
    }
    await wait(tickMs);
  }
  // A name that is no UTF-8 can only be made from outside.
  execFileSync('sh', ['-c', 'printf x > "$(printf "raw\\377name")"'], { cwd: base });
  return changes + 1;

  function change(parent: string, name: string, dice: number, turn: number): void {
    try {
      mkdirSync(parent, { recursive: true });
      const target = path.join(parent, name);
      if (dice < 0.6) writeFileSync(target, `turn ${turn}\n`.repeat(1 + (turn % 50)));
      else if (dice < 0.75) {
        const old = pick(readdirSync(parent));
        if (old !== undefined) renameSync(path.join(parent, old), target);
      } else if (dice < 0.95) {
        const old = pick(readdirSync(parent));
        if (old !== undefined) rmSync(path.join(parent, old), { recursive: dice > 0.9, force: true });
      } else if (parent !== base && existsSync(parent)) renameSync(parent, `${parent}-moved${turn % 5}`);
    } catch {
      // A folder in the way of a file, a name already taken: the next change will fit.
    }
  }
}

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

// `npm run bench` runs them all, one after another; `npm run bench -- ship lock` only these.
const shared = new Set(['harness', 'topic-side']);
const known = readdirSync('bench')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .filter((name) => !shared.has(name));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no benchmark ${unknown.join(', ')}; known: ${known.join(', ')}\n`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : known) {
  process.stdout.write(`\n== ${name}\n`);
  const { status } = spawnSync(
    process.execPath,
    ['--import', './scripts/register-lua.ts', `bench/${name}.ts`],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}

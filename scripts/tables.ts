import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

// `npm run bench` and `npm run faults` run every program of their folder, one after another; `npm run bench -- ship lock`
// only these. What stands behind `--` once more goes to each: `npm run faults -- sync -- full`.
const shared = new Set(['harness', 'topic-side']);
const [folder = 'bench', ...words] = process.argv.slice(2);
const end = words.includes('--') ? words.indexOf('--') : words.length;
const [wanted, more] = [words.slice(0, end), words.slice(end + 1)];
const known = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .filter((name) => !shared.has(name));
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no ${unknown.join(', ')} in ${folder}/; known: ${known.join(', ')}\n`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : known) {
  process.stdout.write(`\n== ${name}\n`);
  const program = [`${folder}/${name}.ts`, ...more];
  const { status } = spawnSync(process.execPath, ['--import', './scripts/register-lua.ts', ...program], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

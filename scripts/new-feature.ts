import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

// npm run new:feature NOUN: a small feature that passes every contract test, to be filled; and the two lines outside of
// its folders that bring it into the console, the commands and the library.

const noun = process.argv[2] ?? '';
if (!/^[a-z]{3,12}$/.test(noun)) fail('Give one noun of 3 to 12 small letters: npm run new:feature note');
if (existsSync(`source/features/${noun}`)) fail(`source/features/${noun} is there already`);

const folders = { source: `source/features/${noun}`, test: `test/${noun}`, docs: 'docs' } as const;
const template = 'scripts/new-feature/template';
const type = noun.charAt(0).toUpperCase() + noun.slice(1);
for (const file of globSync(`${template}/*/*.txt`)) {
  const [part = '', name = ''] = path.relative(template, file).split(path.sep);
  const folder = folders[part as keyof typeof folders];
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(file, 'utf8')
    .replaceAll('NOUN', noun)
    .replaceAll('Noun', type)
    .replaceAll(/\bnoun(Keys|List)\b/g, `${noun}$1`);
  write(path.join(folder, name.replace('NOUN', noun).replace(/\.txt$/, '')), text);
}

insert(
  'source/features/index.ts',
  /^(export const features[\s\S]*?)^\};/m,
  `  ${noun}: async () => (await import('./${noun}/index.ts')).default,\n`,
);
insert(
  'source/index.ts',
  /^((?:export \* as [\s\S]*?\n)+)/m,
  `export * as ${noun} from './features/${noun}/library.ts';\n`,
);
const written: readonly string[] = [
  `source/features/${noun}`,
  `test/${noun}`,
  'source/index.ts',
  'source/features/index.ts',
];
// Sorts what was inserted.
execFileSync('node_modules/.bin/biome', ['check', '--write', '--log-level=error', ...written], {
  stdio: 'inherit',
});
process.stdout.write('Fill them, run `npm test`; CONTRIBUTING.md says what each file is for.\n');

function insert(file: string, place: RegExp, line: string): void {
  const text = readFileSync(file, 'utf8');
  const [whole = '', before = ''] = place.exec(text) ?? fail(`${file} is not as this script knows it`);
  write(
    file,
    text.replace(whole, () => before + line + whole.slice(before.length)),
  );
}

function write(file: string, text: string): void {
  writeFileSync(file, text);
  process.stdout.write(`${file}\n`);
}

function fail(text: string): never {
  process.stderr.write(`new-feature: ${text}\n`);
  process.exit(2);
}

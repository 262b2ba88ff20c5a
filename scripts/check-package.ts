import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

// node scripts/check-package.ts [TARBALL]: what publint and "are the types wrong" say of the packed package; without a
// tarball it packs one. Ends with 1 if either says anything.

const given = process.argv[2];
const packed =
  given ?? execFileSync('npm', ['pack', '--silent'], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? '';
const tarball = readFileSync(packed);
if (given === undefined) rmSync(packed);

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as object;
const bytes = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength);
const { messages } = await publint({ pack: { tarball: bytes } });
const said = messages.flatMap((message) => formatMessage(message, manifest, { color: false }) ?? []);

/** This is a package of ES modules: what Node 16 before `require(esm)` and the old resolution say is known. */
const knownKinds = new Set(['CJSResolvesToESM']);
const knownResolutions = new Set(['node10', 'node16-cjs']);
const analysis = await checkPackage(createPackageFromTarballData(tarball));
if (!analysis.types) said.push('the package has no types');
else {
  for (const problem of analysis.problems) {
    const isKnown = 'resolutionKind' in problem && knownResolutions.has(problem.resolutionKind);
    if (!isKnown && !knownKinds.has(problem.kind)) said.push(JSON.stringify(problem));
  }
}
for (const line of said) process.stdout.write(`${line}\n`);
process.stdout.write(
  `publint and attw (ES modules): ${said.length === 0 ? 'nothing to say' : `${said.length} findings`}\n`,
);
process.exitCode = said.length === 0 ? 0 : 1;

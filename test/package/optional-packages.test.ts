import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { loadOptional, MissingPackageError } from '../../source/errors.ts';

const home = mkdtempSync(path.join(tmpdir(), 'quarterdeck-optional-'));
afterAll(() => rmSync(home, { recursive: true }));

test('the built library without pg says what to install', async () => {
  const modules = path.join(home, 'node_modules');
  mkdirSync(path.join(modules, 'quarterdeck'), { recursive: true });
  cpSync('dist', path.join(modules, 'quarterdeck/dist'), { recursive: true });
  cpSync('package.json', path.join(modules, 'quarterdeck/package.json'));
  symlinkSync(path.resolve('node_modules/ioredis'), path.join(modules, 'ioredis'));
  const file = path.join(home, 'program.mjs');
  const target = { to: 'postgres://app@127.0.0.1:1/app', table: 'views' };
  writeFileSync(
    file,
    `import { buffer, MissingPackageError } from 'quarterdeck';
const error = await buffer.openTarget(${JSON.stringify(target)}).catch((thrown) => thrown);
console.log(JSON.stringify([error instanceof MissingPackageError, error.code, error.package, error.hint]));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: home });
  expect(JSON.parse(stdout)).toEqual([true, 'PACKAGE_MISSING', 'pg', 'Run `npm install pg`']);
});

test('a package whose binary for this machine is missing is missing; any other failure stays what it is', async () => {
  const failing = (error: Error) => loadOptional('@parcel/watcher', 'Watching', () => Promise.reject(error));
  await expect(failing(new Error('No prebuild or local build of @parcel/watcher found.'))).rejects.toThrow(
    new MissingPackageError('@parcel/watcher', 'Watching'),
  );
  const other = Object.assign(new Error("Cannot find package 'pg-types'"), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(failing(other)).rejects.toBe(other);
});

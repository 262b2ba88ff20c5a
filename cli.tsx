#!/usr/bin/env node
import module from 'node:module';
import path from 'node:path';
import process from 'node:process';
import type { WriteStream } from 'node:tty';
import { consoleFlags } from './source/cli/console-flags.ts';
import { isWithoutFolder } from './source/errors.ts';
import { cacheHome, FolderError, ownFolder } from './source/own-folders.ts';

declare const QUARTERDECK_VERSION: string;

const exitCodes = { usage: 2, connection: 3, data: 4, program: 5, bug: 70 } as const;

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'embedded-keeper' && argv[1] !== undefined) return await keep(argv[1]);
  if (argv[0] === 'complete-names' && argv[1] !== undefined) return await completeNames(argv[1], argv[2]);
  // Before anything is loaded: scripts ask for the version on every start.
  if (argv.length === 1 && argv[0] === '--version') return await printVersion();
  keepCompiled();
  const flags = consoleFlags(argv);
  if (flags) return await openConsole(flags);
  const { readArguments } = await import('./source/cli/arguments.ts');
  const invocation = await readArguments(argv);
  if (invocation.name === 'version') return await printVersion();
  if (invocation.name === 'help') {
    const { helpText } = await import('./source/cli/help.ts');
    return await print(await helpText(invocation.noun, invocation.verb));
  }
  if (invocation.name === 'console') return await openConsole(invocation.globals);

  const { hideSecrets, readConfig } = await import('./source/config.ts');
  const config = readConfig(invocation.globals, process.env);
  ({ json: wantsJson, debug: wantsDebug } = config);
  hideSecrets(process.env);
  const { takeStderr, writeWarning } = await import('./source/cli/own-stderr.ts');
  stderr = takeStderr({ isDebug: wantsDebug });
  for (const warning of config.warnings) writeWarning(stderr, warning);
  process.on('uncaughtException', (error) => {
    void report(error).then((code) => process.exit(code));
  });
  const { runBatch } = await import('./source/cli/batch.ts');
  const { path: words, command, raw } = invocation;
  const run = (ended: AbortSignal): Promise<number> =>
    runBatch(words, command, raw, {
      config,
      streams: { stdin: process.stdin, stdout: process.stdout, stderr },
      ended,
      printFrame: async (...frame) => (await painted()).printSnapshot(...frame),
    });
  const { untilEnded } = await import('./source/cli/ending.ts');
  return await untilEnded(run, { isSupervising: command.supervises === true, report });
}

/**
 * Whatever is loaded from here on is compiled once and kept for the next start, in a folder that nobody else can
 * write: what lies there is run as code. Without such a folder nothing is kept.
 */
function keepCompiled(): void {
  try {
    module.enableCompileCache?.(ownFolder(path.join(cacheHome(process.env), 'quarterdeck', 'compiled')));
  } catch (error) {
    if (!(error instanceof FolderError)) throw error;
  }
}

function printVersion(): Promise<number> {
  return print(QUARTERDECK_VERSION);
}

async function print(text: string): Promise<number> {
  const { makeOutput } = await import('./source/cli/output.ts');
  await makeOutput(process.stdout).write(`${text}\n`);
  return 0;
}

/** Not a command: the process that ends a private server with its last user. */
async function keep(directory: string): Promise<number> {
  const { keepEmbedded } = await import('./source/redis/embedded.ts');
  await keepEmbedded(directory);
  return 0;
}

/** Not a command either: what completion scripts ask while somebody types. */
async function completeNames(shell: string, withinMs?: string): Promise<number> {
  keepCompiled();
  const names = await import('./source/cli/complete-names.ts');
  await names.completeNames(
    shell,
    process,
    process.env,
    withinMs === undefined ? undefined : Number(withinMs),
  );
  return 0;
}

async function openConsole(globals: Record<string, unknown>): Promise<number> {
  const console = await painted();
  return await console.openConsole(globals, process.env);
}

/**
 * What paints, which asks for the working directory as soon as it is loaded: where that was deleted, it gets the root
 * instead, and only while it is loaded.
 */
async function painted(): Promise<typeof import('./source/console/painted.ts')> {
  const { cwd } = process;
  try {
    cwd();
    return await import('./source/console/painted.ts');
  } catch (error) {
    if (!isWithoutFolder(error)) throw error;
  }
  try {
    process.cwd = () => path.sep;
    module.syncBuiltinESMExports();
    return await import('./source/console/painted.ts');
  } finally {
    process.cwd = cwd;
    module.syncBuiltinESMExports();
  }
}

async function report(error: unknown): Promise<number> {
  try {
    const { reportFailure } = await import('./source/cli/failure.ts');
    const { kind } = reportFailure(error, { stderr, json: wantsJson, debug: wantsDebug });
    return exitCodes[kind];
  } catch {
    // What cannot be loaded to report a failure would fail to report its own, without end.
    const message = 'Its own files are gone: it was updated or removed while it ran. Start it again';
    const failure = { error: { kind: 'bug', code: 'FILES_GONE', message } };
    stderr.write(wantsJson ? `${JSON.stringify(failure)}\n` : `quarterdeck: ${message}\n`);
    return exitCodes.bug;
  }
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(`quarterdeck: needs Node 22.12 or newer, this is ${process.versions.node}\n`);
  process.exit(exitCodes.usage);
}
const argv = process.argv.slice(2);
const isSet = /^(1|true|yes|on)$/;
const ownWords = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
// Until the settings are read: what is wrong with them has to be reported as well.
let wantsJson = ownWords.includes('--json') || isSet.test(process.env.QUARTERDECK_JSON ?? '');
let wantsDebug = ownWords.includes('--debug') || isSet.test(process.env.QUARTERDECK_DEBUG ?? '');
let stderr: WriteStream = process.stderr;
// Where nobody hears what went wrong, that must not become another failure.
process.stderr.on('error', () => {});
let exitCode: number;
try {
  exitCode = await main(argv);
} catch (error) {
  exitCode = await report(error);
}
// The work is done: whatever a library left ticking, or a connection still open, must not keep the process.
process.exit(exitCode);

#!/usr/bin/env node
import module from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { consoleFlags } from './source/cli/console-flags.ts';
import { cacheHome, FolderError, ownFolder } from './source/own-folders.ts';

declare const QUARTERDECK_VERSION: string;

const exitCodes = { usage: 2, connection: 3, data: 4, program: 5, bug: 70 } as const;
const exitCodeOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** How long what a failed command left running may take to end. */
const farewellMs = 2000;
type EndSignal = keyof typeof exitCodeOf;

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'embedded-keeper' && argv[1] !== undefined) return await keep(argv[1]);
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
  for (const warning of config.warnings) process.stderr.write(`quarterdeck: ${warning}\n`);
  const { runBatch } = await import('./source/cli/batch.ts');
  const { path, command, raw } = invocation;
  const run = (ended: AbortSignal): Promise<number> =>
    runBatch(path, command, raw, {
      config,
      streams: process,
      ended,
      printFrame: async (...frame) => (await import('./source/console/painted.ts')).printFrame(...frame),
    });
  return command.supervises ? await run(new AbortController().signal) : await untilEnded(run);
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

async function openConsole(globals: Record<string, unknown>): Promise<number> {
  const console = await import('./source/console/painted.ts');
  return await console.openConsole(globals, process.env);
}

/** Lets a command put things in order on SIGINT and SIGTERM; a second signal ends at once. */
async function untilEnded(run: (ended: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let endedBy: EndSignal | undefined;
  for (const signal of Object.keys(exitCodeOf) as EndSignal[]) {
    process.on(signal, () => {
      if (endedBy) process.exit(exitCodeOf[signal]);
      endedBy = signal;
      controller.abort();
    });
  }
  try {
    const exitCode = await run(controller.signal);
    return endedBy ? exitCodeOf[endedBy] : exitCode;
  } catch (error) {
    if (endedBy) return exitCodeOf[endedBy];
    throw error;
  } finally {
    // What a reader that stands still has not taken would keep the process for as long.
    if (endedBy) setTimeout(() => process.exit(), 200).unref();
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
// Until the settings are read: what is wrong with them has to be told as well.
let wantsJson = ownWords.includes('--json') || isSet.test(process.env.QUARTERDECK_JSON ?? '');
let wantsDebug = ownWords.includes('--debug') || isSet.test(process.env.QUARTERDECK_DEBUG ?? '');
// Where nobody hears what went wrong, that must not become another failure.
process.stderr.on('error', () => {});
try {
  process.exitCode = await main(argv);
} catch (error) {
  const { reportFailure } = await import('./source/cli/failure.ts');
  const failure = reportFailure(error, {
    stderr: process.stderr,
    json: wantsJson,
    debug: wantsDebug,
  });
  process.exitCode = exitCodes[failure.kind];
  // A command whose server is lost may still wait for it: it was told to end, and has had its time.
  setTimeout(() => process.exit(), farewellMs).unref();
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { startServer } from '../bench/harness.ts';
import {
  type Cli,
  type Fault,
  faults,
  files,
  fill,
  inFolder,
  type Place,
  quietMs,
  type Server,
  until,
} from './sync/faults.ts';

// What goes wrong with the folders of a `sync run --delete`, as the built program meets it: what it prints, how the target
// is called meanwhile, how many files it deletes, and whether the target is right once the fault is mended.
// `npm run faults -- sync`; mounting takes root, and rows that cannot be tried are named.

const mayMount =
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"'])
    .status === 0;

type Row = {
  readonly fault: string;
  readonly said: string;
  readonly state: string;
  readonly deleted: number;
  readonly wrong: string;
};

async function tryFault(fault: Fault, server: Server): Promise<Row> {
  await server.redis.flushall();
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-fault-')));
  const place: Place = {
    root,
    base: path.join(root, 'base'),
    target: path.join(root, 'target'),
    hungPort,
  };
  const destination = fault.destination?.(place) ?? place.target;
  for (const folder of [place.base, place.target]) mkdirSync(folder);
  const words = ['dist/cli.js', '--url', `unix://${server.socket}`];
  const cli: Cli = (...more) => {
    const { stdout, stderr } = spawnSync(process.execPath, [...words, ...more], { encoding: 'utf8' });
    return stdout + stderr;
  };
  const children: ChildProcess[] = [];
  let text = '';
  let wrong = '';
  let state = '';
  let deleted = 0;
  let isCounting = false;
  const before = new Set<string>();
  const expects = (holds: boolean, otherwise: string): void => {
    if (!holds) wrong += `${wrong === '' ? '' : '; '}${otherwise}`;
  };
  try {
    fault.prepare?.(place);
    if (inFolder(place.base).length === 0) fill(place.base, 0, files);
    const env = { ...process.env, ...fault.env?.(place), NO_COLOR: '1' };
    const runner = [
      'sync',
      'run',
      place.base,
      destination,
      '--delete',
      '--every',
      '200ms',
      '--full-every',
      fault.fullEvery ?? '1s',
      ...(fault.options ?? []),
    ];
    for (const more of [runner, ['sync', 'watch', place.base]]) {
      const child = spawn(process.execPath, [...words, ...more], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      children.push(child);
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    }
    if (destination === place.target)
      await until(
        () => inFolder(place.target).length >= files && /full comparison 1/.test(text),
        'the first copy',
      );
    for (const file of inFolder(place.target)) before.add(file);
    isCounting = true;
    text = '';
    await fault.strike(place, server.redis);
    await until(
      () => fault.said.test(text) || fault.said.test(cli('sync', 'status')),
      `it says ${fault.said}`,
    );
    await wait(quietMs);
    state = /"condition":"(\w+)"/.exec(cli('sync', 'status', '--json'))?.[1] ?? 'unknown';
    const held = fault.filesDuring?.(place) ?? place.target;
    deleted = [...before].filter((file) => !existsSync(path.join(held, file))).length;
    const wrongBefore = fault.wrongBefore?.(place);
    if (wrongBefore !== undefined) expects(false, wrongBefore);
    expects(deleted <= fault.mayDelete, `it deleted ${deleted}, and may ${fault.mayDelete}`);
    expects(!/[\x00-\x08\x0b-\x1f\x7f]/.test(text), 'it printed raw control characters');
    const said = sentenceIn(text, fault.said) ?? sentenceIn(cli('sync', 'status'), fault.said) ?? '';
    await fault.mend?.(place, cli);
    const { after, isMended = () => true } = fault;
    if (after !== undefined)
      await until(
        () => inFolder(place.target).length === after && isMended(place),
        `${after} files, mended`,
      ).catch((error: Error) =>
        expects(false, `${error.message}, but ${inFolder(place.target).length}: ${text.slice(-300)}`),
      );
    return { fault: fault.name, said, state, deleted, wrong };
  } catch (error) {
    expects(false, String(error));
    return { fault: fault.name, said: text.slice(-200), state, deleted: isCounting ? deleted : 0, wrong };
  } finally {
    for (const child of children) {
      if (child.exitCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([exited, wait(8000).then(() => child.kill('SIGKILL'))]);
    }
    spawnSync('sh', ['-c', 'umount -l "$1"/* 2>/dev/null', 'sh', root]);
    rmSync(root, { recursive: true, force: true });
  }
}

/** The line with what was looked for, without the names of this run's folders. */
function sentenceIn(text: string, pattern: RegExp): string | undefined {
  const line = text.split('\n').find((each) => pattern.test(each));
  return (
    line &&
    stripVTControlCharacters(line)
      .trim()
      .replace(/^quarterdeck: /, '')
      .replaceAll(/\/tmp\/quarterdeck-fault-\w+/g, '')
  );
}

/** Takes the connection and never answers. */
const hung = createServer((socket) => socket.on('error', () => {}));
hung.listen(0, '127.0.0.1');
await once(hung, 'listening');
const address = hung.address();
const hungPort = typeof address === 'object' && address !== null ? address.port : 0;
const server = await startServer();
const wanted = process.argv[2];
let wrong = 0;
try {
  for (const fault of faults) {
    if (wanted !== undefined && !fault.name.includes(wanted)) continue;
    if (fault.needsMount && !mayMount) {
      console.log(`?  ${fault.name}\n   not tried: mounting takes root`);
      continue;
    }
    const row = await tryFault(fault, server);
    if (row.wrong !== '') wrong += 1;
    console.log(`${row.wrong === '' ? 'ok' : 'NO'} ${row.fault}`);
    console.log(`   deleted ${row.deleted} of ${files}; state meanwhile: ${row.state || 'unknown'}`);
    console.log(`   said: ${row.said}`);
    if (row.wrong !== '') console.log(`   WRONG: ${row.wrong}`);
  }
} finally {
  hung.close();
  await server.close();
}
process.exit(wrong === 0 ? 0 : 1);

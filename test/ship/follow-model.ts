import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  type FileRecord,
  fileOfPast,
  parsePast,
  parseRecord,
  type StoredGeneration,
  storedRecord,
} from '../../source/features/ship/channel/ledger.ts';
import { fill } from '../../source/features/ship/files/identity.ts';
import type { OpenFile } from '../../source/features/ship/files/open-file.ts';
import { rawOf } from '../../source/features/ship/files/raw-path.ts';
import { Selection } from '../../source/features/ship/files/selection.ts';
import { Follower, type FollowWaits } from '../../source/features/ship/shipper/follow.ts';
import type { Part } from '../../source/features/ship/shipper/pipeline.ts';
import { seededRandom } from '../helpers/random.ts';

/**
 * A model of logs on a real host: writers, and every style of rotation, at random; a follower that is starved of room,
 * stopped, killed and started again. The follower is the real one; in place of Redis there is a list of what was announced.
 */

/** As the follower waits, a fiftieth of it. */
const waits: FollowWaits = {
  deletedMs: 250,
  rotatedMs: 1200,
  tailMs: 120,
  copyMs: 1200,
  compressedMs: 40,
  damagedMs: 1200,
  linkMs: 200,
  unreadableMs: 200,
  longestUnreadableMs: 1200,
  lookMs: 60,
  settleMs: 4,
  sweepMs: 400,
  soonMs: 40,
  restMs: 80,
};

/** All that only time decides is settled after so many looks. */
const quietLooks = 8;
/** What fits into a part of 1 KiB: a longer line comes in pieces. */
const pieceBytes = 1008;

export type Outcome = {
  readonly written: number;
  readonly delivered: number;
  /** Lines that came more than once. */
  readonly doubled: readonly string[];
  /** Lines that lie in a file at the end and never came. */
  readonly missing: readonly string[];
  /** Lines that came behind a younger line of the same log. */
  readonly disordered: readonly string[];
  /** What came that is no line that was written. */
  readonly torn: readonly string[];
  /** Lines that came under the name of another log, or of one of its generations. */
  readonly misnamed: readonly string[];
  /** Lines that did not come and lie in no file. */
  readonly lost: readonly string[];
  /** Logs that lost lines of generations that were met, of which nothing was reported. */
  readonly unreported: readonly string[];
  readonly notes: readonly string[];
  /** What happened, for a seed that failed. */
  readonly story: readonly string[];
};

/** `symlink`: as the logs of pods are laid out. What is followed is a link; what it leads to is rotated in its own folder. */
type Style = 'rename' | 'copytruncate' | 'compress' | 'late-writer' | 'dated' | 'symlink';

class Log {
  readonly name: string;
  readonly file: string;
  /** What is written to and rotated: where `file` leads to when that is a link. */
  readonly real: string;
  readonly style: Style;
  readonly banner: string;
  readonly keep: number;
  generation = 0;
  line = 0;
  /** Whom a late writer still writes to. */
  late: { handle: number; generation: number } | undefined;

  constructor(folder: string, name: string, style: Style, random: () => number, shared?: string) {
    this.name = name;
    this.file = path.join(folder, name);
    this.real = style === 'symlink' ? path.join(podsOf(folder), name, '0.log') : this.file;
    this.style = style;
    const own = random() < 0.5 ? '' : `${'#'.repeat(Math.floor(random() * 1200))}\n`;
    this.banner = shared ?? own;
    this.keep = 2 + Math.floor(random() * 4);
    if (this.real === this.file) return;
    mkdirSync(path.dirname(this.real), { recursive: true });
    symlinkSync(this.real, this.file);
  }
}

/** Where what links lead to lies; nobody follows it for its own sake. */
function podsOf(folder: string): string {
  return `${folder}-pods`;
}

export type ModelOptions = {
  /** All logs begin with the same banner, of up to 3 KB. */
  readonly isAlike?: boolean;
  readonly steps?: number;
};

export async function followAtRandom(
  seed: number,
  { isAlike = false, steps = 120 }: ModelOptions = {},
): Promise<Outcome> {
  const random = seededRandom(seed);
  const shared = isAlike ? `${'#'.repeat(1 + Math.floor(seededRandom(-seed)() * 3000))}\n` : undefined;
  const pick = (most: number): number => Math.floor(random() * most);
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-follow-'));
  const story: string[] = [];
  const styles: readonly Style[] = ['rename', 'copytruncate', 'compress', 'late-writer', 'dated', 'symlink'];
  const logs = Array.from(
    { length: 1 + pick(3) },
    (_, index) => new Log(folder, `app${index}.log`, styles[pick(styles.length)] ?? 'rename', random, shared),
  );
  const written = new Set<string>();
  const lateLines = new Set<string>();
  const writeTo = (log: Log, target: string | number, generation: number, lines: number): void => {
    let text = '';
    for (let i = 0; i < lines; i += 1) {
      log.line += 1;
      const line = `${log.name} g${generation} l${log.line} ${'.'.repeat(pick(60))}`;
      written.add(line);
      if (generation < log.generation) lateLines.add(line);
      text += `${line}\n`;
    }
    if (typeof target === 'number') writeSync(target, text);
    else appendFileSync(target, text);
  };
  for (const log of logs) {
    writeFileSync(log.file, log.banner);
    writeTo(log, log.file, 0, pick(20));
  }

  const world = new World(folder);
  world.start();
  const shift = (log: Log): void => {
    for (let number = log.keep; number >= 1; number -= 1) {
      for (const ending of ['', '.gz']) {
        const from = `${log.file}.${number}${ending}`;
        if (!existsSync(from)) continue;
        if (number === log.keep) unlinkSync(from);
        else renameSync(from, `${log.file}.${number + 1}${ending}`);
      }
    }
  };
  const rotate = async (log: Log): Promise<void> => {
    story.push(`rotate ${log.name} by ${log.style}, generation ${log.generation}`);
    if (log.style === 'copytruncate') {
      shift(log);
      await copySlowly(log.file, `${log.file}.1`, pick(3) * 10, random);
      truncateSync(log.file, 0);
    } else if (log.style === 'symlink') {
      const dated = path.dirname(log.real);
      const older = readdirSync(dated)
        .filter((name) => /^0\.log\.\d+-\d+$/.test(name))
        .sort();
      renameSync(log.real, `${log.real}.20261128-${String(100_000 + log.generation)}`);
      if (random() < 0.3) await wait(pick(30));
      writeFileSync(log.real, '');
      // The one before it is compressed, as the kubelet does.
      const [last] = older.slice(-1);
      if (last !== undefined) await compressSlowly(path.join(dated, last), pick(3) * 10);
      const all = readdirSync(dated).filter((name) => name !== '0.log' && !name.endsWith('.tmp'));
      for (const old of all.sort().slice(0, -log.keep)) unlinkSync(path.join(dated, old));
    } else if (log.style === 'dated') {
      renameSync(log.file, `${log.file}-202611${String(10 + log.generation).padStart(2, '0')}`);
      writeFileSync(log.file, '');
    } else {
      shift(log);
      if (log.style === 'late-writer') {
        if (log.late) closeSync(log.late.handle);
        log.late = { handle: openSync(log.file, 'a'), generation: log.generation };
      }
      renameSync(log.file, `${log.file}.1`);
      if (log.style === 'compress') {
        await wait(pick(3) * 15);
        if (random() < 0.7 && existsSync(`${log.file}.1`)) {
          const zipped = gzipSync(readFileSync(`${log.file}.1`));
          const half = Math.floor(zipped.length / 2);
          writeFileSync(`${log.file}.1.gz`, zipped.subarray(0, half));
          await wait(pick(3) * 10);
          appendFileSync(`${log.file}.1.gz`, zipped.subarray(half));
          unlinkSync(`${log.file}.1`);
        }
      }
      if (random() < 0.3) await wait(pick(30));
      writeFileSync(log.file, '');
    }
    log.generation += 1;
    appendFileSync(log.file, log.banner);
  };
  for (let step = 0; step < steps; step += 1) {
    const log = logs[pick(logs.length)];
    if (!log) break;
    const dice = random();
    if (dice < 0.55) writeTo(log, log.file, log.generation, 1 + pick(30));
    else if (dice < 0.68) await rotate(log);
    else if (dice < 0.74) {
      if (log.late) writeTo(log, log.late.handle, log.late.generation, 1 + pick(3));
    } else if (dice < 0.82) {
      story.push(world.hasRoom ? 'no room' : 'room');
      world.giveRoom(!world.hasRoom);
    } else if (dice < 0.85) {
      story.push('stop');
      await world.stop();
    } else if (dice < 0.88) {
      story.push('kill');
      await world.kill();
    } else if (dice < 0.96) {
      if (!world.isRunning) story.push('start');
      world.start();
    } else await wait(pick(30));
    if (random() < 0.6) await wait(pick(25));
  }
  for (const { late } of logs) if (late) closeSync(late.handle);
  world.giveRoom(true);
  world.start();
  await world.quiet();
  const notes = world.notes;
  await world.stop();
  if (world.failure !== undefined) throw world.failure;
  const outcome = judge(logs, folder, { written, lateLines }, world.linesByFile(), notes, story);
  for (const each of [folder, podsOf(folder)]) rmSync(each, { recursive: true, force: true });
  return outcome;
}

/** Under a name of its own until it is whole. */
async function compressSlowly(file: string, pauseMs: number): Promise<void> {
  const zipped = gzipSync(readFileSync(file));
  const half = Math.floor(zipped.length / 2);
  writeFileSync(`${file}.tmp`, zipped.subarray(0, half));
  await wait(pauseMs);
  appendFileSync(`${file}.tmp`, zipped.subarray(half));
  renameSync(`${file}.tmp`, `${file}.gz`);
  unlinkSync(file);
}

async function copySlowly(from: string, to: string, pauseMs: number, random: () => number): Promise<void> {
  const input = openSync(from, 'r');
  const output = openSync(to, 'w');
  const block = Buffer.alloc(1 + Math.floor(random() * 4000));
  for (let got = readSync(input, block); got > 0; got = readSync(input, block)) {
    writeSync(output, block, 0, got);
    if (pauseMs > 0 && random() < 0.3) await wait(pauseMs);
  }
  closeSync(input);
  closeSync(output);
}

function judge(
  logs: readonly Log[],
  folder: string,
  { written, lateLines }: { readonly written: ReadonlySet<string>; readonly lateLines: ReadonlySet<string> },
  delivered: ReadonlyMap<string, readonly string[]>,
  notes: readonly string[],
  story: readonly string[],
): Outcome {
  const files = [...delivered].map(
    ([file, all]) => [file, all.filter((line) => !isOfBanner(line, logs, notes))] as const,
  );
  const lines = files.flatMap(([, each]) => each);
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  const onDisk = new Set(textsIn(folder).flatMap((text) => text.split('\n')));
  const absent = [...written].filter((line) => !counts.has(line));
  const last = new Map<string, number>();
  const disordered = lines.filter((line) => {
    const [name = '', generation, number] = line.split(' ');
    // A late line comes behind what was read meanwhile of the generation that is the log by then.
    const isLate = lateLines.has(line);
    const key = isLate ? `${name} ${generation} late` : name;
    const value = Number(number?.slice(1));
    const isBehind = value < (last.get(key) ?? 0);
    last.set(key, Math.max(value, last.get(key) ?? 0));
    return isBehind;
  });
  const lost = absent.filter((line) => !onDisk.has(line));
  // Of a generation that came and went while nobody looked nobody can know.
  const generationOf = (line: string): string => line.split(' ', 2).join(' ');
  const met = new Set(lines.map(generationOf));
  const losers = new Set(
    lost.filter((line) => met.has(generationOf(line))).map((line) => line.split(' ')[0] ?? ''),
  );
  return {
    written: written.size,
    delivered: lines.length,
    doubled: [...counts].filter(([line, count]) => count > 1 && written.has(line)).map(([line]) => line),
    missing: absent.filter((line) => onDisk.has(line)),
    disordered,
    torn: [...counts.keys()].filter((line) => !written.has(line)),
    misnamed: files.flatMap(([file, each]) =>
      each.filter((line) => written.has(line) && !isNamedAfter(file, line)).map((line) => `${file}: ${line}`),
    ),
    lost,
    unreported: [...losers].filter((name) => !notes.some((note) => reportsLoss(note, name))),
    notes,
    story,
  };
}

/**
 * Whether it is what all generations of a log begin with, or what came of it: the first piece, when its rest is gone; any
 * piece, when the log was truncated behind a banner of which the first piece had come, which looks as if it went on.
 */
function isOfBanner(line: string, logs: readonly Log[], notes: readonly string[]): boolean {
  return logs.some(({ name, style, banner }) => {
    if (line === banner.trimEnd()) return true;
    if (banner.length <= pieceBytes || !/^#+$/.test(line)) return false;
    const isReported = notes.some(
      (note) => note.startsWith(`${name}: `) && note.includes(`bytes ${pieceBytes} to `),
    );
    return style === 'copytruncate' || (line.length === pieceBytes && isReported);
  });
}

/** A generation that was met while there was no log, for longer than is waited for one, is a log of its own. */
function isNamedAfter(file: string, line: string): boolean {
  const [name = ''] = line.split(' ', 1);
  return file === name || file.startsWith(`${name}.`) || file.startsWith(`${name}-`);
}

function reportsLoss(note: string, name: string): boolean {
  return note.startsWith(`${name}: `) && /lost|was not found/.test(note);
}

function textsIn(folder: string): string[] {
  return logFilesIn(folder).map((file) => {
    const bytes = readFileSync(file);
    return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  });
}

function logFilesIn(folder: string): string[] {
  return [folder, ...(existsSync(podsOf(folder)) ? [podsOf(folder)] : [])].flatMap((each) =>
    readdirSync(each, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
}

/** Where a test may interfere: between the steps of a part, and of what is remembered without one. */
export type Interference = {
  /** A part is about to be read. */
  onRead?(): void;
  /** A part was read, there is room for it, and nothing else is written. */
  onConfirm?(): Promise<void> | void;
  /** It was found to be right, and is about to be announced. */
  onAnnounce?(): Promise<void> | void;
  /** These fields are about to be stored. */
  onRemember?(fields: readonly (readonly [string, string])[]): void;
};

/** A follower and what it leaves behind when it ends: the records, and what was announced. */
export class World {
  readonly notes: string[] = [];
  failure: unknown;
  hasRoom = true;
  interference: Interference = {};
  readonly #folder: string;
  /** With it, folders in the folder are followed as well. */
  readonly #archive: string | undefined;
  readonly #waits: FollowWaits;
  readonly #fields = new Map<string, string>();
  readonly #announced: {
    readonly at: number;
    readonly text: Buffer;
    readonly ends: boolean;
    readonly begins: boolean;
    readonly file: string;
  }[] = [];
  #running: { readonly over: AbortController; readonly done: Promise<void>; isDead: boolean } | undefined;
  #roomGiven: () => void = () => {};
  #room: Promise<void> = Promise.resolve();
  #starts = 0;
  #looks = 0;
  #storing = 0;

  constructor(
    folder: string,
    overWaits: Partial<FollowWaits> = {},
    { archive }: { readonly archive?: string } = {},
  ) {
    this.#folder = folder;
    this.#archive = archive;
    this.#waits = { ...waits, ...overWaits };
  }

  /** It waits for its turn to store what it saw, or does so. */
  get isStoring(): boolean {
    return this.#storing > 0;
  }

  /** How often it has looked, and stored what it saw. */
  get looks(): number {
    return this.#looks;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  giveRoom(hasRoom: boolean): void {
    if (hasRoom === this.hasRoom) return;
    this.hasRoom = hasRoom;
    if (hasRoom) this.#roomGiven();
    else {
      this.#room = new Promise((resolve) => {
        this.#roomGiven = resolve;
      });
    }
  }

  start(): void {
    if (this.#running) return;
    this.#starts += 1;
    const starts = this.#starts;
    const over = new AbortController();
    const running = { over, done: Promise.resolve(), isDead: false };
    const files = new Map<string, FileRecord>();
    const pasts = new Map<string, readonly StoredGeneration[]>();
    for (const [field, json] of this.#fields) {
      const file = fileOfPast(field);
      const record = parseRecord(field, json);
      if (file !== undefined) pasts.set(file, parsePast(json));
      else if (record) files.set(field, record);
    }
    const isOver = aborted(over.signal);
    let turn: Promise<unknown> = Promise.resolve();
    let opened = 0;
    const dies = (): void => {
      if (running.isDead) throw new Error('killed');
    };
    const interference = (): Interference => this.interference;
    const jobs: { openFile: OpenFile; part: Part; bytes: Promise<Buffer | undefined> }[] = [];
    const finishFirst = async (): Promise<void> => {
      const [job] = jobs;
      if (!job) return;
      const { openFile, part } = job;
      const bytes = await job.bytes;
      await Promise.race([this.#room, isOver]);
      over.signal.throwIfAborted();
      const exclusive = turn.then(async () => {
        dies();
        await this.interference.onConfirm?.();
        const after = bytes && (await openFile.confirm(part));
        if (!after) {
          jobs.splice(0, jobs.length, ...jobs.filter((other) => other.openFile !== openFile));
          follower.changed(openFile, part);
          return;
        }
        await this.interference.onAnnounce?.();
        dies();
        jobs.shift();
        openFile.record = after;
        const { at, ends = false, begins = false } = part.entry;
        this.#announced.push({ at, text: bytes, ends, begins, file: after.name });
        this.#fields.set(after.name, storedRecord(after));
      });
      turn = exclusive.catch(() => {});
      await exclusive;
    };
    const follower = new Follower({
      pipeline: {
        async add(openFile, part) {
          const read = async (): Promise<Buffer | undefined> => {
            interference().onRead?.();
            const buffer = Buffer.alloc(part.entry.bytes);
            const got = await fill(part.read, buffer, part.position).catch(() => 0);
            return got === buffer.length ? buffer : undefined;
          };
          jobs.push({ openFile, part, bytes: read() });
          while (jobs.length >= 3) await finishFirst();
        },
        async drain() {
          while (jobs.length > 0) await finishFirst();
        },
      },
      roots: [{ path: rawOf(this.#folder), isFolder: true }],
      selection: new Selection({}),
      recursive: this.#archive !== undefined,
      archive: this.#archive === undefined ? undefined : rawOf(this.#archive),
      records: { files, pasts },
      plan: { partBytes: 1024, wholeBytes: 1024 },
      signal: over.signal,
      generation() {
        opened += 1;
        return `${starts}.${opened}`;
      },
      note: (text) => this.notes.push(text),
      remember: async (fields) => {
        this.interference.onRemember?.(fields);
        dies();
        for (const [field, json] of fields) {
          if (json === '') this.#fields.delete(field);
          else this.#fields.set(field, json);
        }
      },
      exclusive: async (act) => {
        this.#storing += 1;
        const result = turn.then(act);
        turn = result.catch(() => {});
        return await result.finally(() => {
          this.#storing -= 1;
        });
      },
      shipWhole: async () => undefined,
      onFound: () => {
        this.#looks += 1;
      },
      waits: this.#waits,
    });
    running.done = follower.run().catch((error: unknown) => {
      if (!over.signal.aborted) this.failure = error;
    });
    this.#running = running;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.over.abort();
    await running?.done;
  }

  /** Nothing that it does from now on counts. */
  async kill(): Promise<void> {
    if (this.#running) this.#running.isDead = true;
    await this.stop();
  }

  /** Until nothing was announced for a while, in which it has looked several times, however busy the machine is. */
  async quiet(): Promise<void> {
    for (let [before, still, looks] = [-1, 0, 0]; still < 12 || this.#looks < looks + quietLooks; ) {
      await wait(100);
      if (this.#announced.length !== before) [still, looks] = [0, this.#looks];
      else still += 1;
      before = this.#announced.length;
    }
  }

  /** What a consumer makes of it: whole lines, of each file in turn. */
  lines(): string[] {
    return [...this.linesByFile().values()].flat();
  }

  linesByFile(): Map<string, string[]> {
    const texts = new Map<string, string>();
    for (const { file, text, ends, begins, at } of this.#announced) {
      const before = texts.get(file) ?? '';
      if (at === 0 && before !== '') throw new Error(`${file} began twice`);
      const isCut = begins && before !== '' && !before.endsWith('\n');
      const isOpen = ends && text.at(-1) !== 0x0a;
      texts.set(file, before + (isCut ? '\n' : '') + text.toString() + (isOpen ? '\n' : ''));
    }
    return new Map([...texts].map(([file, text]) => [file, text.split('\n').filter((line) => line !== '')]));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

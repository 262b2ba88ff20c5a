import { closeSync, constants, existsSync, fstatSync, readdirSync, readSync, writeSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import * as v from 'valibot';
import { messageOf, QuarterdeckError } from '../errors.ts';
import { ownFolder } from '../own-folders.ts';
import { openOwnFile, readOwnFile } from '../private-files.ts';
import { safeJson } from '../ui/text.ts';
import { withoutPasswords } from '../url.ts';

/**
 * The trail of what was done from this user's consoles: one file for each month, `audit/2026-11.ndjson` in the state
 * directory, to which lines are only ever added, and which nobody else may read.
 *
 * An act has two lines: one before anything is sent, and one with what came of it. Where the second one is missing, the
 * console ended before the answer came, and whether it was done is not known. Each line is one write to a file opened
 * for appending, so that several consoles may add to it.
 */
export type BegunAct = {
  readonly operator: string;
  /** Without a password. */
  readonly server: string;
  readonly context: string | undefined;
  readonly production: boolean;
  readonly command: string;
  /** What the command was given, shortened; payloads and tokens are not kept. */
  readonly input: Readonly<Record<string, string>>;
  /** The question that was answered with yes. */
  readonly question: string | undefined;
};

/** `unknown`: it was sent, and no answer came. */
export type Ending = { readonly outcome: 'done' | 'failed' | 'unknown'; readonly answer: string };

export type AuditedAct = {
  readonly id: string;
  readonly atMs: number;
  readonly user: string | undefined;
  readonly host: string;
  readonly pid: number;
} & BegunAct &
  Ending & {
    /** Undefined: no end was noted. */
    readonly endedAtMs: number | undefined;
  };

/** The trail cannot be written. */
export class AuditError extends QuarterdeckError {
  constructor(file: string, error: unknown) {
    super('data', 'AUDIT_NOT_WRITTEN', `The audit trail ${file} cannot be written: ${messageOf(error)}`, {
      hint: 'In production nothing is changed without it; mend or move the file',
      cause: error,
    });
  }
}

const begun = v.object({
  event: v.literal('begun'),
  id: v.string(),
  atMs: v.number(),
  operator: v.string(),
  user: v.optional(v.string()),
  host: v.string(),
  pid: v.number(),
  server: v.string(),
  context: v.optional(v.string()),
  production: v.boolean(),
  command: v.string(),
  input: v.record(v.string(), v.string()),
  question: v.optional(v.string()),
});
const ended = v.object({
  event: v.literal('ended'),
  id: v.string(),
  atMs: v.number(),
  outcome: v.picklist(['done', 'failed', 'unknown']),
  answer: v.string(),
});
const line = v.variant('event', [begun, ended]);
type Line = v.InferOutput<typeof line>;

const longestText = 2000;
const fileName = /^\d{4}-\d{2}\.ndjson$/;
let acts = 0;

/** Notes that an act begins. @returns what notes its end @throws {AuditError} */
export function beginAct(stateDirectory: string, act: BegunAct): (ending: Ending) => void {
  acts += 1;
  const atMs = Date.now();
  const id = `${atMs.toString(36)}-${process.pid}-${acts}`;
  const { question, context, ...rest } = act;
  const user = userName();
  write(stateDirectory, {
    event: 'begun',
    id,
    atMs,
    ...rest,
    ...(user !== undefined && { user }),
    host: hostname(),
    pid: process.pid,
    ...(context !== undefined && { context }),
    ...(question !== undefined && { question: shortened(question) }),
  });
  return ({ outcome, answer }) =>
    write(stateDirectory, { event: 'ended', id, atMs: Date.now(), outcome, answer: shortened(answer) });
}

export function auditFolder(stateDirectory: string): string {
  return path.join(stateDirectory, 'audit');
}

/** All acts that are noted, the newest first, and in sentences what could not be read. */
export function readAudit(stateDirectory: string): {
  readonly acts: readonly AuditedAct[];
  readonly unread: readonly string[];
} {
  const folder = auditFolder(stateDirectory);
  if (!existsSync(folder)) return { acts: [], unread: [] };
  // What another user may have put there is not shown as what was done here.
  try {
    ownFolder(folder);
  } catch (error) {
    return { acts: [], unread: [messageOf(error)] };
  }
  const found = new Map<string, AuditedAct>();
  const unread: string[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!fileName.test(name)) continue;
    const file = path.join(folder, name);
    let text: string;
    try {
      text = readOwnFile(file);
    } catch (error) {
      unread.push(`${file} is not read: ${messageOf(error)}`);
      continue;
    }
    let damaged = 0;
    for (const written of text.split('\n')) {
      if (written === '') continue;
      const one = parsed(written);
      if (one) take(found, one);
      else damaged += 1;
    }
    if (damaged > 0) unread.push(`${damaged} of the lines in ${file} cannot be read`);
  }
  return { acts: [...found.values()].toSorted((a, b) => b.atMs - a.atMs), unread };
}

function take(found: Map<string, AuditedAct>, one: Line): void {
  if (one.event === 'ended') {
    const act = found.get(one.id);
    if (act) found.set(one.id, { ...act, outcome: one.outcome, answer: one.answer, endedAtMs: one.atMs });
    return;
  }
  const { event: _, user, context, question, ...rest } = one;
  found.set(one.id, {
    ...rest,
    user,
    context,
    question,
    outcome: 'unknown',
    answer: 'no end was noted: it still runs, or its console ended before the answer',
    endedAtMs: undefined,
  });
}

function parsed(written: string): Line | undefined {
  try {
    const result = v.safeParse(line, JSON.parse(written));
    return result.success ? result.output : undefined;
  } catch {
    return;
  }
}

function write(stateDirectory: string, one: Line): void {
  const folder = auditFolder(stateDirectory);
  const file = path.join(folder, `${new Date(one.atMs).toISOString().slice(0, 7)}.ndjson`);
  try {
    ownFolder(stateDirectory);
    ownFolder(folder);
    const descriptor = openOwnFile(file, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND);
    try {
      // Behind what a full disk has cut a line begins anew, so that only the one that was cut is damaged.
      const bytes = Buffer.from(`${endsWithin(descriptor) ? '\n' : ''}${safeJson(one)}\n`);
      const written = writeSync(descriptor, bytes);
      if (written < bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes fitted`);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new AuditError(file, error);
  }
}

/** Whether the file ends within a line. */
function endsWithin(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last.toString() !== '\n';
}

function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // Containers run as users that the machine knows nothing of.
    return;
  }
}

function shortened(whole: string): string {
  const text = withoutPasswords(whole);
  return text.length <= longestText
    ? text
    : `${text.slice(0, longestText)}… (${text.length - longestText} more characters)`;
}

/** What a person wrote for others, and what opens a lock: neither belongs into a list of what was done. */
const left = new Set(['token', 'text', 'message', 'messages', 'frame', 'copy']);
const longestValue = 200;
const mostItems = 20;

/** What a command was given, as the trail keeps it: only what was given, each shortened. */
export function inputOf(
  input: Readonly<Record<string, unknown>>,
  commandLine: readonly string[],
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    kept[name] = left.has(name) ? '(not kept)' : valueText(value);
  }
  if (commandLine.length > 0) kept.commandLine = valueText(commandLine);
  return kept;
}

function valueText(value: unknown): string {
  if (!Array.isArray(value)) {
    const text = withoutPasswords(typeof value === 'string' ? value : JSON.stringify(value));
    const more = text.length - longestValue;
    return more > 0 ? `${text.slice(0, longestValue)}… (${more} more characters)` : text;
  }
  const more = value.length - mostItems;
  const some = value.slice(0, mostItems).map(valueText);
  return `${some.join(' ')}${more > 0 ? ` … (${more} more)` : ''}`;
}

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
} from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { messageOf } from './errors.ts';

/** Files with what is secret or trusted: passwords, keys and certificates, and what we write for this user alone. */

/** Whether others on this machine may read it, and how to say so; a group of root's is root's business, as psql has it. */
export function readableByOthers(file: string): string | undefined {
  // Windows has no such modes.
  if (process.getuid === undefined) return;
  let found: Stats;
  try {
    found = statSync(file);
  } catch {
    return;
  }
  const isOpen = (found.mode & 0o004) !== 0 || ((found.mode & 0o040) !== 0 && found.uid !== 0);
  if (!found.isFile() || !isOpen) return;
  const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
  return `${file} can be read by others (mode ${mode}); close it with \`chmod 600 ${file}\``;
}

/**
 * Why what stands in a file may be another user's words; undefined if it is this user's, or root's. For files that are
 * read without having been named.
 */
export function writtenByOthers(file: string): string | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return;
  for (const one of [file, path.dirname(file)]) {
    const { uid: owner, mode } = statSync(one);
    if (owner !== 0 && owner !== uid) return `${one} belongs to user ${owner}, not to you (${uid})`;
    const isOpen = (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
    if (isOpen) return `everybody may write ${one} (mode ${(mode & 0o7777).toString(8).padStart(4, '0')})`;
  }
  return;
}

/**
 * Opens a file of this user that no other name leads to, and closes it to others; what is missing is made. Nothing is
 * followed, and a pipe does not hold us up. `flags` says what for, such as `O_WRONLY | O_CREAT | O_APPEND`.
 * @throws {Error} saying what stands there instead, or why it cannot be opened
 */
export function openOwnFile(file: string, flags: number): number {
  let descriptor: number;
  try {
    // Windows has neither.
    const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    descriptor = openSync(file, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Linux refuses a link of somebody else in a shared folder with another code.
    if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink())
      throw new Error('it is a link', { cause: error });
    // A pipe that nobody reads.
    if (code === 'ENXIO') throw new Error('it is no regular file', { cause: error });
    throw error;
  }
  const found = fstatSync(descriptor);
  const reason = notOurs(found);
  if (reason !== undefined) {
    closeSync(descriptor);
    throw new Error(reason);
  }
  if ((found.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
  return descriptor;
}

/** What stands in such a file. @throws {Error} */
export function readOwnFile(file: string): string {
  const descriptor = openOwnFile(file, constants.O_RDONLY);
  try {
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** Why a file that was opened is not to be trusted with what is written to it; undefined if it is. */
export function notOurs(found: Stats): string | undefined {
  if (!found.isFile()) return 'it is no regular file';
  const uid = process.getuid?.();
  if (uid !== undefined && found.uid !== uid) return `it belongs to user ${found.uid}, not to you (${uid})`;
  // Otherwise it may be a file of ours that somebody else named so.
  if (found.nlink > 1) return `${found.nlink} names lead to it`;
  return undefined;
}

/** The first line of the file. @throws {Error} saying why there is none */
export function passwordIn(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`The password file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const [line = ''] = text.replace(/^\uFEFF/, '').split(/\r?\n/, 1);
  if (line === '') throw new Error(`The password file ${file} is empty`);
  return line;
}

const commandPatienceMs = 30_000;

/** The first line that a command prints, as a shell runs it; its own messages go to stderr. @throws {Error} */
export function passwordFrom(command: string): string {
  const { execFileSync } = process.getBuiltinModule('node:child_process');
  let printed: string;
  try {
    printed = execFileSync('sh', ['-c', command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: commandPatienceMs,
    });
  } catch (error) {
    const { status, code } = error as { status?: number | null; code?: string };
    const how = typeof status === 'number' ? `it ended with ${status}` : (code ?? 'it was ended');
    throw new Error(`The password command failed: ${how}`, { cause: error });
  }
  const [line = ''] = printed.split(/\r?\n/, 1);
  if (line === '') throw new Error('The password command printed no password');
  return line;
}

/** The certificates in a PEM file. @throws {Error} when there is none, or one that cannot be read */
export function checkCertificates(file: string): void {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const text = readFileSync(file, 'utf8');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (blocks.length === 0) throw new Error(`${file} holds no certificate (PEM)`);
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw new Error(`${file} holds a certificate that cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** A private key in PEM, closed to others, and that of the certificate. @throws {Error} */
export function checkKey(file: string, certificateFile: string): void {
  const { createPrivateKey, X509Certificate } = process.getBuiltinModule('node:crypto');
  const text = readFileSync(file);
  const open = readableByOthers(file);
  if (open !== undefined) throw new Error(open);
  let isOfCertificate: boolean;
  try {
    const key = createPrivateKey(text);
    isOfCertificate = new X509Certificate(readFileSync(certificateFile)).checkPrivateKey(key);
  } catch (error) {
    throw new Error(`${file} holds no private key that can be read (PEM, not encrypted)`, { cause: error });
  }
  if (!isOfCertificate) throw new Error(`${file} is not the key of the certificate in ${certificateFile}`);
}

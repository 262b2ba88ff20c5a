import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';

/**
 * Which file it is, whatever it is called: device, inode and time of birth; how it begins; and what stands before a
 * position. File systems give a new file the inode that has just become free, so an inode alone names nobody; many
 * files begin with the same banner, so neither does a beginning.
 */

/** Reads up to `buffer.length` bytes at a position of the file; fewer at its end. */
export type ReadAt = (buffer: Buffer, position: number) => Promise<number>;

/** How a file begins: so many bytes of it, and their digest. */
export type Head = { readonly bytes: number; readonly digest: string };

/** The longest beginning that is remembered. Shorter files are known by 1, 2, 4 ... bytes. */
export const longestHeadBytes = 1024;
const anchorBytes = 256;

export type FileId = string;

/** `device:inode:birth`. The time of birth tells apart files that had the same inode one after the other. */
export function fileId({ dev, ino, birthtimeNs }: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>): FileId {
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** Everything that changes when the file does: what was found out about it holds as long as this. */
export function stampOf(at: BigIntStats): string {
  return `${fileId(at)}:${at.size}:${at.mtimeNs}:${at.ctimeNs}:${at.mode}`;
}

/** Without the device, which may have another number after a reboot; undefined where there is no time of birth. */
export function lastingId(id: FileId): string | undefined {
  const [, inode, birth] = id.split(':');
  return birth === undefined || birth === '0' ? undefined : `${inode}:${birth}`;
}

/** The longest rung of 1, 2, 4 ... 1024 that a file of so many bytes has; 0 for an empty one. */
export function rungOf(bytes: number): number {
  return bytes < 1 ? 0 : Math.min(longestHeadBytes, 2 ** Math.floor(Math.log2(bytes)));
}

/** The head of a file that holds `bytes` bytes by now. */
export async function headOf(read: ReadAt, bytes: number): Promise<Head> {
  return headIn(await readUpTo(read, 0, rungOf(bytes)));
}

/** The same of bytes that were read. */
export function headIn(begin: Buffer): Head {
  const bytes = rungOf(begin.length);
  return { bytes, digest: digestOf(begin.subarray(0, bytes)) };
}

export async function beginsAs(read: ReadAt, { bytes, digest }: Head): Promise<boolean> {
  const begin = await readUpTo(read, 0, bytes);
  return begin.length === bytes && digestOf(begin) === digest;
}

/** The digest of up to 256 bytes before `position`: of what was read or seen last. */
export async function anchorAt(read: ReadAt, position: number): Promise<string> {
  return anchorOf(await bytesBefore(read, position));
}

/** Whether before `position` there still stands what this is the anchor of; an empty one is not known, and agrees. */
export async function isAnchored(read: ReadAt, position: number, anchor: string): Promise<boolean> {
  if (anchor === '' || position === 0) return true;
  const bytes = await bytesBefore(read, position);
  return bytes.length === Math.min(anchorBytes, position) && anchorOf(bytes) === anchor;
}

export function anchorOf(bytes: Buffer): string {
  return digestOf(bytes.subarray(Math.max(0, bytes.length - anchorBytes)));
}

/** Up to 256 bytes before `position`. */
export async function bytesBefore(read: ReadAt, position: number): Promise<Buffer> {
  const from = Math.max(0, position - anchorBytes);
  return await readUpTo(read, from, position - from);
}

export function digestOf(bytes: Buffer): string {
  return hash('sha1', bytes, 'base64url').slice(0, 16);
}

/** So many bytes from `position` on; fewer when the file ends before. */
export async function readUpTo(read: ReadAt, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, await fill(read, buffer, position));
}

/** Reads until the buffer is full or the file ends; resolves to how much that was. */
export async function fill(read: ReadAt, buffer: Buffer, position: number): Promise<number> {
  let got = 0;
  while (got < buffer.length) {
    const more = await read(buffer.subarray(got), position + got);
    if (more === 0) break;
    got += more;
  }
  return got;
}

import type { Client } from '../../redis/client.ts';
import { keyFamily, singleKey } from '../../redis/keys.ts';

export const bucketMs = 10_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** The hash of one hour's buckets of 10 s. @param hour since the epoch */
export function rawKey(client: Client, series: string, hour: number): string {
  const iso = new Date(hour * hourMs).toISOString().slice(0, 13);
  return keyFamily(client, series, { raw: `hits:*:10s:${iso}` }).raw;
}

/** The hash of one UTC day's hours. @param day since the epoch */
export function hourlyKey(client: Client, series: string, day: number): string {
  const iso = new Date(day * dayMs).toISOString().slice(0, 10);
  return keyFamily(client, series, { hourly: `hits:*:1h:${iso}` }).hourly;
}

/** Who wrote lately, so that a batch sent twice counts once. */
export function writersKey(client: Client, series: string): string {
  return keyFamily(client, series, { writers: 'hits:*:writers' }).writers;
}

/**
 * The plain counter of one 10 s, as other programs INCR it: `<series>:<epoch, rounded down to 10 s>`.
 * @param bucket epoch / 10
 */
export function plainKey(client: Client, series: string, bucket: number): string {
  return keyFamily(client, series, { bucket: `*:${bucket}0` }).bucket;
}

/**
 * Both keys of each 10 s of a stretch, side by side: that one, and `<series>:<epoch / 10>`, which some programs use and
 * is only read.
 */
export function plainKeys(client: Client, series: string, first: number, last: number): string[] {
  const { prefix } = keyFamily(client, series, { prefix: '*:' });
  return Array.from({ length: last - first + 1 }, (_, i) => [
    singleKey(prefix, `${first + i}0`),
    singleKey(prefix, String(first + i)),
  ]).flat();
}

const plain = /^(.+):(?:(\d{9})|(\d{9})0)$/s;

/** The series and the 10 s that a key of this form counts; whether they are recent is another question. */
export function plainCounter(key: string): { readonly written: string; readonly bucket: number } | undefined {
  const [, written, divided, undivided] = plain.exec(key) ?? [];
  return written === undefined ? undefined : { written, bucket: Number(divided ?? undivided) };
}

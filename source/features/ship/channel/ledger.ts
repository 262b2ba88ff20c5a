import * as v from 'valibot';
import type { Client } from '../../../redis/client.ts';
import { hashPages, type Wanted } from '../../../redis/hash-pages.ts';

/** What Redis remembers about parts, files and processes: JSON in hashes, written and read by the scripts too. */

/** A name that a file can have. */
const fileName = v.pipe(
  v.string(),
  v.nonEmpty('the name of its file is empty'),
  v.check((name) => !name.includes('\0'), 'the name of its file holds a NUL'),
  v.check((name) => Buffer.byteLength(name) <= 4096, 'the name of its file is longer than 4096 bytes'),
);
const offset = v.pipe(
  v.number(),
  v.safeInteger('an offset is no whole number'),
  v.minValue(0, 'an offset is negative'),
);

/** A part that takes room: being written (`stage`) or announced (`id`). */
const entrySchema = v.object({
  file: fileName,
  /** Which shipping of the file: another one begins from nothing. */
  generation: v.string(),
  /** Where in the shipped file the part begins. */
  at: offset,
  /** No string of Redis is longer. */
  bytes: v.pipe(offset, v.maxValue(512 * 1024 * 1024, 'it is longer than any string of Redis')),
  /** How long the whole file is, unless it may still grow. */
  of: v.optional(offset),
  kind: v.picklist(['lines', 'gzip', 'piece']),
  /** The file ends with it. */
  last: v.optional(v.boolean(), false),
  /** The unfinished line at its end has no rest: what comes next was written after it, elsewhere. */
  ends: v.optional(v.boolean()),
  /** It does not go on with the unfinished line before it, whose rest is lost. */
  begins: v.optional(v.boolean()),
  /** Where in the shipped file the first of these pieces begins. */
  piecesFrom: v.optional(offset),
  /** The file's name on disk in hexadecimal, when it is no UTF-8. */
  rawName: v.optional(v.string()),
  token: v.optional(v.string(), ''),
  stage: v.optional(v.string()),
  /** What it takes of the budget. */
  cost: v.optional(v.number(), 0),
  id: v.optional(offset),
  announced: v.optional(offset),
  /** Ids between spaces: who is waited for, and who has finished. */
  want: v.optional(v.string(), ' '),
  finished: v.optional(v.string(), ' '),
});
export type Entry = v.InferOutput<typeof entrySchema>;

const headSchema = v.object({ bytes: v.number(), digest: v.string() });

/** One generation of a followed file: what is known of it, to know it again wherever it went. */
const generationSchema = v.object({
  /** Device, inode and time of birth. */
  id: v.string(),
  head: headSchema,
  /** How far it was shipped, and the digest of what stands before that; empty: not known. */
  position: v.number(),
  anchor: v.optional(v.string(), ''),
  /** How long it was when it was last looked at, and the digest of what stands before that. */
  seen: v.number(),
  seenAnchor: v.optional(v.string(), ''),
  /** Digests of what it holds at fixed positions up to `position`: see files/marks.ts. */
  marks: v.optional(v.string(), ''),
  /** Everything about it that changes when it does. */
  stamp: v.optional(v.string(), ''),
  /** Where it was last, one character for each byte. */
  path: v.string(),
  /** It was the log itself when it was last seen, and not a generation put aside. */
  live: v.optional(v.boolean(), false),
  /** Its file was truncated, and what was not read of it may be in a copy. */
  truncated: v.optional(v.boolean(), false),
  /** What was announced of it last ends within a line. */
  open: v.optional(v.boolean(), false),
  /** `.gz` and the like when its content is compressed; positions are those of the content. */
  ending: v.optional(v.string(), ''),
  /** Epoch ms when it was last seen. */
  at: v.optional(v.number(), 0),
});
export type StoredGeneration = v.InferOutput<typeof generationSchema>;

/** How far a file is: what has been announced of it. */
const recordSchema = v.object({
  generation: v.string(),
  token: v.optional(v.string(), ''),
  /** Device and inode. */
  inode: v.string(),
  /** How the file begins: `bytes` of it and their digest, to know it again. */
  head: headSchema,
  /** Up to where the file was read, and how much was shipped under its name; these differ once it was rotated. */
  position: v.number(),
  shipped: v.number(),
  /** How many parts. */
  number: v.number(),
  bytes: v.number(),
  piecesFrom: v.optional(v.number()),
  /** `rotated`: an earlier part of a followed file, under whatever name it is now. */
  state: v.picklist(['open', 'shipped', 'rotated']),
  /** Of a followed file: where the log itself is, and its generations that are not done, oldest first. */
  path: v.optional(v.string()),
  /** What was announced last ends within a line. */
  open: v.optional(v.boolean()),
  /** Where it really is, when that is a symbolic link. */
  real: v.optional(v.string()),
  chain: v.optional(v.array(generationSchema)),
});
export type FileRecord = v.InferOutput<typeof recordSchema> & { readonly name: string };

/** Which of a shipper's files came last, in the order of their names. */
const cursorSchema = v.object({
  name: v.string(),
  generation: v.string(),
  /** When it first looked what there is to ship, by its host's clock. */
  since: v.number(),
  /** How many files it has shipped to their end. */
  count: v.number(),
});
export type Cursor = v.InferOutput<typeof cursorSchema>;

/** A shipper or a consumer, as it last reported. Consumers of the legacy (Redis in Action) layout have a cursor only. */
const processSchema = v.object({
  token: v.optional(v.string()),
  host: v.optional(v.string(), ''),
  pid: v.optional(v.number(), 0),
  /** Last sign of life and, for shippers, when they came. */
  at: v.optional(v.number()),
  since: v.optional(v.number()),
  files: v.optional(v.number(), 0),
  bytes: v.optional(v.number(), 0),
  waiting: v.optional(v.number()),
  finished: v.optional(v.boolean(), false),
  follow: v.optional(v.boolean(), false),
});
export type Process = v.InferOutput<typeof processSchema>;

export const parseEntry = (json: unknown): Entry | undefined => parsed(entrySchema, json);

/** Why no file can have a name; undefined if one can. */
export function faultOfName(name: string): string | undefined {
  const result = v.safeParse(fileName, name);
  return result.success ? undefined : result.issues[0].message;
}

/** Why an entry is none that can be worked with; undefined if it is one. */
export function faultOfEntry(json: unknown): string | undefined {
  try {
    const result = v.safeParse(entrySchema, JSON.parse(String(json)));
    return result.success ? undefined : result.issues[0].message;
  } catch {
    return 'it is no JSON';
  }
}

/** A part that a consumer set aside, as it is kept under `consumer:part`. */
const asideSchema = v.object({
  /** Its message. */
  id: v.number(),
  file: v.string(),
  bytes: v.number(),
  reason: v.string(),
  /** Epoch ms. */
  since: v.number(),
  tries: v.number(),
  /** It is to be delivered again. */
  retry: v.optional(v.boolean(), false),
});
export type AsideRecord = v.InferOutput<typeof asideSchema>;
export function asideField(consumer: string, part: string): string {
  return `${consumer}:${part}`;
}

export function asideFieldParts(field: string): { readonly consumer: string; readonly part: string } {
  const colon = field.indexOf(':');
  return { consumer: field.slice(0, colon), part: field.slice(colon + 1) };
}

export const parseAside = (json: unknown): AsideRecord | undefined => parsed(asideSchema, json);
export function parseRecord(name: string, json: unknown): FileRecord | undefined {
  const record = parsed(recordSchema, json);
  return record && { ...record, name };
}

/** A record as it is stored, under its name. */
export function storedRecord({ name: _, ...record }: FileRecord): string {
  return JSON.stringify(record);
}

/** Generations of a followed file that were shipped to their end. */
const pastSchema = v.object({ past: v.array(generationSchema) });
const pastField = '\0past';

/** The file whose past a field of the hash of files holds; undefined for another field. */
export function fileOfPast(field: string): string | undefined {
  return field.endsWith(pastField) ? field.slice(0, -pastField.length) : undefined;
}

export function pastFieldOf(file: string): string {
  return file + pastField;
}

export function parsePast(json: unknown): readonly StoredGeneration[] {
  return parsed(pastSchema, json)?.past ?? [];
}

export const parseCursor = (json: unknown): Cursor | undefined => parsed(cursorSchema, json);
export const parseProcess = (json: unknown): Process | undefined => parsed(processSchema, json);

function parsed<Output>(schema: v.GenericSchema<unknown, Output>, json: unknown): Output | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(String(json)));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** The ids of a list as the scripts keep it: between spaces. */
export function idsOf(list: string | undefined): string[] {
  return (list ?? '').split(' ').filter((id) => id !== '');
}

/** Longer than anything that we keep under one field, such as all generations of a log. */
const longestEntry = 1_048_576;

/** Field and value pairs of a hash, page by page, so that no reply grows with what is stored. */
export async function* scanHash(
  redis: Client,
  key: string,
  wanted: Wanted = {},
): AsyncGenerator<[field: string, value: string]> {
  for await (const { entries } of hashPages(redis, key, { longest: longestEntry, ...wanted }))
    for (const [field, value] of entries) yield [field, value];
}

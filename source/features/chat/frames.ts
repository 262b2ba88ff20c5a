import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import * as v from 'valibot';
import { QuarterdeckError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { typed } from '../../redis/wrong-type.ts';
import { roomKeys } from './keys.ts';
import { type SendOptions, type Sent, send } from './room/send.ts';

/**
 * What somebody saw, beside the message about it. The message is plain text and complete in any other program; the
 * frame lies for a week under a key of the room, and opens again as it was.
 */
const frameSchema = v.object({
  quarterdeckFrame: v.literal(1),
  at: v.number(),
  server: v.string(),
  pane: v.optional(v.string()),
  columns: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  rows: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  lines: v.pipe(v.array(v.pipe(v.string(), v.maxLength(20_000))), v.maxLength(1000)),
});
export type SharedFrame = v.InferOutput<typeof frameSchema>;

const keptSeconds = 7 * 24 * 3600;
/** Compressed, of one frame. */
const longestFrameBytes = 16 * 1024;
const longestJsonBytes = 1024 * 1024;

const pack = promisify(deflateRaw);
const unpack = promisify(inflateRaw);

/** The frame is too large to be kept in the room. */
export class FrameTooLongError extends QuarterdeckError {
  constructor(bytes: number) {
    super(
      'data',
      'CHAT_FRAME_TOO_LONG',
      `The frame has ${bytes} bytes when compressed; a room keeps at most ${longestFrameBytes}`,
      { hint: 'Share one pane of it, zoomed, or make the window smaller' },
    );
  }
}

/** No frame is kept under this token. */
export class UnknownFrameError extends QuarterdeckError {
  constructor(room: string, token: string) {
    super('data', 'CHAT_UNKNOWN_FRAME', `No frame ${token} is kept in the room \`${room}\``, {
      hint: 'Frames are kept for 7 days; the message itself says what there was to see',
    });
  }
}

/** What is kept under this token, or was handed in, is no frame. */
export class FrameUnreadableError extends QuarterdeckError {
  constructor(what: string, reason: string) {
    super('data', 'CHAT_FRAME_UNREADABLE', `${what} is no frame: ${reason}`, {
      hint: '`quarterdeck snapshot --format json` makes one',
    });
  }
}

/** @throws {FrameUnreadableError} */
export function parseFrame(text: string, what: string): SharedFrame {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FrameUnreadableError(what, 'it is no JSON');
  }
  const parsed = v.safeParse(frameSchema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new FrameUnreadableError(what, `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
}

/**
 * Keeps the frame, then sends a message that names it: one that names a frame never comes before it.
 * @throws {FrameTooLongError} and what `send` throws
 */
export async function share(
  redis: Client,
  room: string,
  sender: string,
  { text, frame }: { readonly text: string; readonly frame: SharedFrame },
  options: SendOptions = {},
): Promise<Sent & { readonly frame: string }> {
  const packed = await pack(JSON.stringify(frame));
  if (packed.length > longestFrameBytes) throw new FrameTooLongError(packed.length);
  const token = randomBytes(4).toString('hex');
  const key = roomKeys(redis, room).frames + token;
  await redis.set(key, packed, 'EX', keptSeconds);
  try {
    const sent = await send(redis, room, sender, `↗ ${text} (frame ${token})`, options);
    return { ...sent, frame: token };
  } catch (error) {
    // Nobody will ever ask for it; should this fail too, it ends by itself.
    await redis.unlink(key).catch(() => {});
    throw error;
  }
}

/** @throws {UnknownFrameError | FrameUnreadableError | WrongTypeError} */
export async function openFrame(redis: Client, room: string, token: string): Promise<SharedFrame> {
  const key = roomKeys(redis, room).frames + token;
  const packed = await typed(redis, () => ({ [key]: 'string' }), redis.getBuffer(key));
  if (!packed) throw new UnknownFrameError(room, token);
  let text: string;
  try {
    text = (await unpack(packed, { maxOutputLength: longestJsonBytes })).toString();
  } catch {
    throw new FrameUnreadableError(`Frame ${token}`, 'it cannot be unpacked');
  }
  return parseFrame(text, `Frame ${token}`);
}

/** The frame that a message names; undefined when it names none. */
export function frameIn(message: string): string | undefined {
  return /\(frame ([\da-f]{8})\)$/.exec(message)?.[1];
}

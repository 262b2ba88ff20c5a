import * as v from 'valibot';
import { absent, count, list, moment, number, object, orNull, text, texts, truth } from '../printed.ts';
import { memberConditions } from './condition.ts';

export const made = object({ room: text, members: texts });
export const membership = object({ room: text, name: text, members: texts });
export const sent = object({ room: text, id: number, at: moment });
export const shared = object({ room: text, id: number, at: moment, frame: text });
export const message = object({ id: number, at: moment, sender: text, message: text });
export const messages = list(message);
export const pinned = object({ room: text, id: number, pinned: truth });
export const pins = list(object({ id: number, at: moment, sender: text, message: text, by: orNull(text) }));
export const here = object({ room: text, name: text, at: moment });
export const who = object({
  room: text,
  memberCount: count,
  members: list(
    object({
      name: text,
      unread: count,
      writesOnly: truth,
      lookedAt: orNull(moment, 'null: not known, as no console of theirs noted it'),
    }),
  ),
});
export const happening = object({
  at: moment,
  kind: v.picklist(['message', 'pin', 'act']),
  id: absent(number),
  sender: text,
  text,
});
export const seen = object({ room: text, name: text, seen: number });
export const frame = object({
  room: text,
  frame: text,
  quarterdeckFrame: v.literal(1),
  at: moment,
  server: text,
  pane: v.optional(text),
  columns: number,
  rows: number,
  lines: texts,
});
export const rooms = list(
  object({
    room: text,
    members: list(
      object({ name: text, seen: number, unread: count, condition: v.picklist(memberConditions) }),
    ),
    memberCount: absent(count),
    messages: count,
    lastId: number,
  }),
);

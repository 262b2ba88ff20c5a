import * as v from 'valibot';
import {
  absent,
  count,
  list,
  moment,
  number,
  object,
  orNull,
  text,
  texts,
  truth,
} from '../features/printed.ts';

/** What the commands of the whole console print. */

const anything = v.unknown();
const acked = object({ by: text, note: text, atMs: moment, untilMs: moment });
export const needs = list(
  object({
    id: text,
    feature: text,
    name: text,
    severity: v.picklist(['bad', 'warn']),
    words: text,
    sinceMs: orNull(moment),
    acked: orNull(acked, 'null: nobody is on it'),
    kind: text,
  }),
);
export const ack = object({ id: text, by: text, note: text, atMs: moment, untilMs: moment });
export const unack = object({ id: text, removed: truth });
/** Of other programs. */
export const queues = list(
  object({
    queue: text,
    key: v.pipe(text, v.description('what its keys begin with, or its one key')),
    program: v.pipe(text, v.description('what its keys look like')),
    sure: v.picklist(['certain', 'by-shape']),
    waiting: orNull(count),
    active: orNull(count),
    delayed: orNull(count),
    failed: orNull(count),
    oldestMs: orNull(moment, 'when the oldest waiting job was added; null: not known'),
    ratePerSec: orNull(number),
    workers: orNull(count, 'that are alive, as far as they register; null: not known'),
    abandoned: orNull(count, 'active jobs whose worker is gone; null: not known'),
    stuck: orNull(truth, 'null: what was seen does not decide it'),
    why: text,
    notes: texts,
    server: absent(text),
  }),
);
const iso = v.pipe(text, v.description('ISO 8601'));
export const audited = object({
  id: text,
  at: iso,
  endedAt: orNull(iso, 'null: no end was noted'),
  operator: text,
  user: orNull(text),
  host: text,
  pid: number,
  server: text,
  context: orNull(text, 'null: none was in use'),
  production: truth,
  command: text,
  input: v.record(text, text),
  question: orNull(text, 'null: nothing was asked'),
  outcome: v.picklist(['done', 'failed', 'unknown']),
  answer: text,
});
export const completion = object({ shell: v.picklist(['bash', 'zsh', 'fish']), script: text });
export const page = object({ page: text });
export const ping = list(
  object({
    url: text,
    kind: v.picklist(['standalone', 'sentinel', 'cluster']),
    state: v.picklist(['up', 'down']),
    program: orNull(text),
    version: orNull(text),
    role: orNull(text),
    latencyMs: orNull(number),
    error: orNull(text, 'null: it answers'),
  }),
);
export const metrics = v.union([
  list(
    object({
      name: text,
      type: v.picklist(['gauge', 'counter']),
      help: text,
      samples: list(object({ labels: v.record(text, v.union([text, number])), value: number })),
    }),
  ),
  object({ textfile: text }),
]);
export const findings = list(
  object({
    code: text,
    severity: v.picklist(['warning', 'error']),
    key: text,
    message: text,
    fix: text,
    server: absent(text),
  }),
);
export const acl = object({
  role: text,
  user: text,
  names: texts,
  commands: texts,
  reads: texts,
  keys: texts,
  channels: texts,
  rules: texts,
  line: text,
});
/** Every setting by its name; without passwords. */
export const settings = v.record(text, anything);
/** A JSON Schema of its own. */
export const schema = v.record(text, anything);

const failure = object({ kind: text, code: text, message: text, hint: absent(text) });
const server = object({
  url: text,
  kind: text,
  program: orNull(text),
  version: orNull(text),
  role: orNull(v.picklist(['primary', 'replica'])),
  usedBytes: orNull(number),
  maxBytes: orNull(number),
  opsPerSec: orNull(number),
  clients: orNull(number),
  uptimeMs: orNull(number),
});

/** Of these parts, each as its own list or status command prints it. */
export function snapshotOf(parts: Readonly<Record<string, v.GenericSchema>>): v.GenericSchema {
  const unread = 'null: it was not read; see failed';
  return object({
    at: moment,
    server: orNull(server, unread),
    ...Object.fromEntries(Object.entries(parts).map(([noun, part]) => [noun, orNull(part, unread)])),
    failed: absent(v.record(text, failure)),
    needs: absent(object({ bad: count, warn: count, acked: count })),
  });
}

/** A line of `watch`. */
export function changeOf(parts: Readonly<Record<string, v.GenericSchema>>): v.GenericSchema {
  return v.union(
    Object.entries(parts).map(([noun, part]) =>
      object({
        at: moment,
        pane: v.literal(noun),
        value: orNull(part, 'null: it was not read'),
        error: absent(object({ code: text, message: text })),
      }),
    ),
  );
}

import type { Writable } from 'node:stream';
import { messageOf, QuarterdeckError } from '../errors.ts';
import { refused } from '../redis/refusals.ts';
import { sanitise } from '../ui/text.ts';

/** A failure as it is told: one line, a code for programs, and what to do next. */
export type Failure = {
  readonly kind: QuarterdeckError['kind'] | 'bug';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
};

/** What Redis says besides what `redis/refusals.ts` knows, by the first word of the reply. */
const replies: Readonly<Record<string, Omit<Failure, 'message'>>> = {
  WRONGTYPE: { kind: 'data', code: 'WRONG_TYPE', hint: 'A key of that name belongs to something else' },
  NOAUTH: { kind: 'connection', code: 'REDIS_AUTH', hint: 'Set QUARTERDECK_PASSWORD or --password-file' },
  CROSSSLOT: {
    kind: 'data',
    code: 'CROSS_SLOT',
    hint: 'In Cluster these names need one hash tag, such as {name}',
  },
};

export function failureOf(thrown: unknown): Failure {
  const known = refused(thrown);
  if (QuarterdeckError.is(known)) {
    const { kind, code, message, hint } = known;
    return { kind, code, message, ...(hint !== undefined && { hint }) };
  }
  const message = messageOf(thrown);
  const reply = replies[message.split(' ', 1)[0] ?? ''];
  if (reply) return { ...reply, message };
  if (thrown instanceof Error && thrown.name === 'ReplyError') {
    return {
      kind: 'connection',
      code: 'REDIS_REFUSED',
      message,
      hint: 'Redis refused a command; --debug shows which',
    };
  }
  return {
    kind: 'bug',
    code: 'INTERNAL',
    message,
    hint: 'This is a bug of quarterdeck; run it again with --debug',
  };
}

/** One line on stderr; JSON with `--json`; the stack behind it with `--debug`. */
export function reportFailure(
  thrown: unknown,
  { stderr, json, debug }: { stderr: Writable; json: boolean; debug: boolean },
): Failure {
  const failure = failureOf(thrown);
  const { code, message, hint } = failure;
  const line = json
    ? JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } })
    : sanitise(`quarterdeck: ${message}${hint === undefined ? '' : `. ${hint}`}`);
  stderr.write(`${line}\n`);
  if (debug && thrown instanceof Error) stderr.write(`${thrown.stack}\n${causesOf(thrown)}`);
  return failure;
}

function causesOf(error: Error): string {
  return error.cause instanceof Error ? `caused by ${error.cause.stack}\n${causesOf(error.cause)}` : '';
}

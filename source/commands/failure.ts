import { isWithoutFolder, messageOf, QuarterdeckError } from '../errors.ts';
import { refused } from '../redis/refusals.ts';
import { withoutPasswords } from '../url.ts';

/** A failure as it is reported: one line, a code for programs, and what to do next. */
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
  if (isWithoutFolder(thrown)) {
    return {
      kind: 'data',
      code: 'NO_WORKING_DIRECTORY',
      message: 'The working directory was deleted, so a relative path leads nowhere',
      hint: 'Change to a directory that exists, or give absolute paths',
    };
  }
  const message = withoutPasswords(messageOf(thrown));
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

import type { Writable } from 'node:stream';
import { type Failure, failureOf } from '../commands/failure.ts';
import { safeJson, safeLines } from '../ui/text.ts';
import { withoutPasswords } from '../url.ts';

/** One line on stderr; JSON with `--json`; the stack with `--debug`, in that line or below it. */
export function reportFailure(
  thrown: unknown,
  { stderr, json, debug }: { stderr: Writable; json: boolean; debug: boolean },
): Failure {
  const failure = failureOf(thrown);
  const { code, message, hint } = failure;
  const stack = debug ? stackOf(thrown) : [];
  const lines = json
    ? [
        safeJson({
          error: { code, message, ...(hint !== undefined && { hint }), ...(stack.length > 0 && { stack }) },
        }),
      ]
    : safeLines([`quarterdeck: ${message}${hint === undefined ? '' : `. ${hint}`}`, ...stack]);
  stderr.write(lines.reduce((text, line) => `${text}${line}\n`, ''));
  return failure;
}

/** Where it was thrown, and what caused it: a line each. The message stands before the frames, and may hold anything. */
function stackOf(thrown: unknown): readonly string[] {
  if (!(thrown instanceof Error)) return [];
  const { name, cause } = thrown;
  const message = withoutPasswords(thrown.message);
  const stack = withoutPasswords(thrown.stack ?? '');
  const at = stack.indexOf(message);
  const frames = stack.slice(at === -1 ? 0 : at + message.length).split('\n');
  const causes = stackOf(cause);
  return [
    `${name}: ${message}`,
    ...frames.filter((line) => /^\s+at /.test(line)),
    ...(causes.length > 0 ? ['caused by', ...causes] : []),
  ];
}

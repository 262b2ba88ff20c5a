import process from 'node:process';
import type { QuarterdeckError } from './errors.ts';
import type { Warning } from './library-types.ts';

const emitted = new Set<string>();

/** Hands a warning to whoever listens; where nobody does, to Node, once for each code. */
export function warn(onEvent: ((event: Warning) => void) | undefined, error: QuarterdeckError): void {
  if (onEvent) {
    onEvent({ type: 'warning', error });
  } else if (!emitted.has(error.code)) {
    emitted.add(error.code);
    process.emitWarning(error.hint === undefined ? error.message : `${error.message}. ${error.hint}`, {
      type: 'QuarterdeckWarning',
      code: error.code,
    });
  }
}

import { QuarterdeckError } from '../../errors.ts';

/** A recording could not be begun, or not be read. */
export class RecordingError extends QuarterdeckError {
  readonly file: string;

  constructor(
    verb: 'Cannot record into' | 'Cannot replay',
    file: string,
    reason: string,
    hint: string,
    cause?: unknown,
  ) {
    super('data', verb === 'Cannot replay' ? 'NO_RECORDING' : 'NOT_RECORDED', `${verb} ${file}: ${reason}`, {
      hint,
      ...(cause !== undefined && { cause }),
    });
    this.file = file;
  }
}

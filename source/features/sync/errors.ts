import { QuarterdeckError } from '../../errors.ts';

/** The folder to sync from is not one. */
export class BaseError extends QuarterdeckError {
  constructor(base: string, detail: string, cause?: unknown) {
    super('data', 'SYNC_BASE', `Cannot sync from ${base}: ${detail}`, {
      cause,
      hint: 'Give the folder whose content the target should have',
    });
  }
}

/** rsync cannot be run. */
export class RsyncMissingError extends QuarterdeckError {
  constructor(cause: unknown) {
    super('program', 'RSYNC_MISSING', 'rsync is not installed', {
      cause,
      hint: 'Install it here and on the target: apt-get install rsync, or brew install rsync',
    });
  }
}

/** rsync ended with a failure that concerns more than single files. */
export class RsyncError extends QuarterdeckError {
  readonly exitCode: number;

  constructor(destination: string, exitCode: number, detail: string) {
    super('program', 'RSYNC_FAILED', `rsync to ${destination} ended with ${exitCode}: ${detail}`, {
      hint: 'The paths stay queued and are tried again; check the target with `rsync --list-only`',
    });
    this.exitCode = exitCode;
  }
}

/** The command of `--before` refused the batch. */
export class BeforeError extends QuarterdeckError {
  constructor(command: string, detail: string) {
    super('program', 'BEFORE_FAILED', `\`${command}\` ${detail}`, {
      hint: 'The batch stays queued and is tried again',
    });
  }
}

/** Somebody else already brings this target up to date. */
export class TargetInUseError extends QuarterdeckError {
  constructor(target: string) {
    super('usage', 'TARGET_IN_USE', `Another process syncs to ${target}`, {
      hint: '`quarterdeck lock list` shows who (one that was killed, for 10s yet); with --standby this one waits its turn',
    });
  }
}

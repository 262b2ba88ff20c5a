import { QuarterdeckError, UsageError } from '../../errors.ts';
import { shellWord } from '../../shell-word.ts';
import { cutPath } from './change.ts';
import { markerHint, missingMarker } from './target-marker.ts';

/** The folder to sync from is not one. */
export class BaseError extends QuarterdeckError {
  constructor(base: string, detail: string, cause?: unknown) {
    super('data', 'SYNC_BASE', `Cannot sync from ${base}: ${detail}`, {
      cause,
      hint: 'Give the folder whose content the target should have',
    });
  }
}

/** The system does not let this user watch as many folders as there are. */
export class WatchLimitError extends QuarterdeckError {
  constructor(folder: string, cause: unknown) {
    super('program', 'WATCH_LIMIT', `Cannot watch ${folder}: no more watches are allowed`, {
      cause,
      hint: 'Raise fs.inotify.max_user_watches, or max_user_instances, with `sysctl -w`: a watch for each folder',
    });
  }
}

/** A path to notify of is none below the base. */
export class PathRefusedError extends QuarterdeckError {
  constructor(given: string, base: string, reason: string) {
    super('data', 'SYNC_PATH', `Refused to notify of \`${cutPath(given)}\`: ${reason}`, {
      hint: `Give paths below ${base}, relative or absolute; --base names another folder`,
    });
  }
}

/** Folder and target lie in each other: copying would never end, or delete what it copies. */
export class NestedError extends QuarterdeckError {
  constructor(base: string, target: string) {
    super('usage', 'SYNC_NESTED', `Cannot sync ${base} to ${target}: one lies in the other`, {
      hint: 'Give a target beside the folder, not inside or around it',
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

/** The target was never reached, and waiting does not mend what rsync said: a typo, a missing module, no access. */
export class TargetRefusedError extends QuarterdeckError {
  constructor(target: string, { exitCode, detail }: RsyncError) {
    super('program', 'TARGET_REFUSED', `Cannot sync to ${target}: ${detail} (rsync ended with ${exitCode})`, {
      hint: `Try \`rsync --list-only ${shellWord(target)}\`; changes stay queued for the next start`,
    });
  }
}

/** rsync ended with a failure that concerns more than single files. */
export class RsyncError extends QuarterdeckError {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly detail: string;
  /** Nothing was spoken about files yet. */
  readonly isRefusal: boolean;
  /** Whether other files may be copied all the same: a full target, or one that cannot be read or written. */
  readonly sort: 'connection' | 'files' | 'space';
  /** The path that rsync's first complaint quotes, on either side. */
  readonly about: string | undefined;

  constructor(
    destination: string,
    exitCode: number | undefined,
    detail: string,
    {
      isRefusal = false,
      sort = 'connection',
      about,
    }: {
      readonly isRefusal?: boolean;
      readonly sort?: RsyncError['sort'];
      readonly about?: string | undefined;
    } = {},
  ) {
    const how = exitCode === undefined ? detail : `with ${exitCode}: ${detail}`;
    super('program', 'RSYNC_FAILED', `rsync to ${destination} ended ${how}`, {
      hint: 'The paths stay queued and are tried again; check the target with `rsync --list-only`',
    });
    this.exitCode = exitCode;
    this.detail = detail;
    this.isRefusal = isRefusal;
    this.sort = sort;
    this.about = about;
  }
}

/** The command of `--before`, or the function `before`, refused the batch. */
export class BeforeError extends QuarterdeckError {
  constructor(hook: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super('program', 'BEFORE_FAILED', `${hook} ${detail}`, {
      ...options,
      hint: 'The batch stays queued and is tried again',
    });
  }
}

/** The target lacks the file by which it is recognised. */
export class TargetMarkerError extends QuarterdeckError {
  constructor(target: string, marker: string) {
    super('data', 'TARGET_MARKER', missingMarker(target, marker), { hint: markerHint(target, marker) });
  }
}

/** Somebody else already brings this target up to date. */
export class TargetInUseError extends QuarterdeckError {
  constructor(target: string, owner: string) {
    super('usage', 'TARGET_IN_USE', `The target ${target} is served by ${owner}`, {
      hint: 'End that process first; `sync run --standby` waits for its turn instead',
    });
  }
}

/** There is no such target to forget. */
export class NoTargetError extends QuarterdeckError {
  constructor(channel: string, base: string, target: string) {
    super('data', 'NO_TARGET', `Nothing is known of a target ${target} of ${base} on channel ${channel}`, {
      hint: '`quarterdeck sync status` lists channel, folder and target of each, as they are to be given',
    });
  }
}

/** There is nothing to resume. */
export class NotHaltedError extends QuarterdeckError {
  constructor(target: string) {
    super('data', 'SYNC_NOT_HALTED', `The target ${target} is not halted`, {
      hint: '`quarterdeck sync status` says how it goes',
    });
  }
}

/** It is halted until the target holds its marker again: no word of an operator puts it there. */
export class TargetAwayError extends QuarterdeckError {
  constructor(target: string) {
    super(
      'data',
      'TARGET_MARKER',
      `The target ${target} does not hold the file that \`--target-marker\` names`,
      {
        hint: 'Mount its disk, or make the file if it is the right folder: `sync status` says how',
      },
    );
  }
}

/** What a halt asks for was not given. */
export class ResumeError extends UsageError {
  constructor(target: string, reason: string, flag: string) {
    super(`The target ${target} is halted, for ${reason}`, {
      code: 'SYNC_RESUME',
      hint: `If that is meant, add \`${flag}\``,
    });
  }
}

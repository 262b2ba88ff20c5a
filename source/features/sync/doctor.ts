import { WrongTypeError } from '../../errors.ts';
import { keyKinds } from '../../redis/key-types.ts';
import { nameInKey } from '../../redis/keys.ts';
import { shellWord } from '../../shell-word.ts';
import { counted, formatDuration } from '../../ui/format.ts';
import type { Doctor, Finding } from '../feature.ts';
import { resumeFlags } from './state.ts';
import { type Fault, inspectAll, type TargetStatus } from './status.ts';

const prefix = 'sync:';

/** Targets that stand still until somebody says how to go on, and changes that nobody copies. */
export const doctor: Doctor = {
  kindOf: keyKinds({ 'sync:*': 'hash', 'sync-failed:*': 'hash', 'sync-resume:*': 'hash' }),
  claims: (key) => key.startsWith(prefix),
  async examine(redis, keys) {
    const channels = keys.flatMap((key) => nameInKey(redis, key.slice(prefix.length)) ?? []);
    const { targets, faults } = await inspectAll(redis, channels);
    return [...targets.flatMap(examineTarget), ...faults.map(unreadable)];
  },
};

function unreadable({ key, message, error }: Fault): Finding {
  const fix = `Look at it with \`redis-cli HGETALL ${shellWord(key)}\`; a runner of that channel writes its records anew`;
  const isWrongType = error instanceof WrongTypeError;
  return {
    code: isWrongType ? 'WRONG_TYPE' : 'SYNC_UNREADABLE',
    severity: 'warning',
    key,
    message,
    fix: isWrongType ? (error.hint ?? fix) : fix,
  };
}

function examineTarget({ channel, base, target, condition, halted, queued, failed, failures }: TargetStatus) {
  const key = prefix + channel;
  const findings: Finding[] = [];
  if (halted) {
    const ago = formatDuration(Math.max(0, Date.now() - halted.sinceMs));
    const flags = resumeFlags(halted);
    findings.push({
      code: 'SYNC_HALTED',
      severity: 'error',
      key,
      message: `${target} has been halted for ${ago}: ${halted.message}`,
      fix:
        flags === undefined
          ? `Mount the disk of ${target}; by itself it goes on then`
          : `Look at ${base}; to go on as it is: quarterdeck sync resume ${shellWord(base)} ${shellWord(target)} ${flags} --channel ${shellWord(channel)} --yes`,
    });
  }
  if (condition === 'down') {
    findings.push({
      code: 'SYNC_NOT_SERVED',
      severity: 'warning',
      key,
      message: `Nobody serves ${target} of ${base}; waiting for it: ${counted(queued, 'change')}`,
      fix: `quarterdeck sync run ${shellWord(base)} ${shellWord(target)} --channel ${shellWord(channel)}; or quarterdeck sync forget, if it is no more`,
    });
  }
  if (failed > 0) {
    const [first] = failures;
    const such = first ? `, such as \`${first.path}\`: ${first.reason}` : '';
    findings.push({
      code: 'SYNC_FAILING',
      severity: 'warning',
      key,
      message: `${counted(failed, 'path')} of ${base} could not be copied to ${target}${such}`,
      fix: 'Mend what it names: they are tried again by themselves while a runner serves the target',
    });
  }
  return findings;
}

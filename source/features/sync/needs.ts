import type { Need, Severity } from '../../need.ts';
import { counted } from '../../ui/format.ts';
import { type Condition, conditionText, type SyncSlice, syncList, type Target } from './state.ts';

const severities: Partial<Record<Condition, Severity>> = {
  halted: 'bad',
  down: 'bad',
  retrying: 'bad',
  failing: 'warn',
};

export function needsOf({ targets = [] }: SyncSlice): readonly Need[] {
  return targets.flatMap((target) => {
    const severity = severities[target.condition];
    if (severity === undefined) return [];
    const { condition, halted, queued, failed } = target;
    return [
      {
        kind: condition,
        name: target.target,
        row: syncList.id(target),
        severity,
        words: `${conditionText(condition)}${storyOf(target)}`,
        figure: condition === 'failing' ? failed : queued,
        sinceMs: halted?.sinceMs,
      },
    ];
  });
}

function storyOf({ condition, halted, queued, failed, error }: Target): string {
  if (condition === 'halted') return `: ${halted?.message ?? ''}`;
  if (condition === 'failing') return `: ${counted(failed, 'path')} could not be copied`;
  if (condition === 'retrying') return `: ${error ?? ''}`;
  return queued > 0 ? `: ${counted(queued, 'change')} wait` : '';
}

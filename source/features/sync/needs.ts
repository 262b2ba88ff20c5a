import type { Need, Severity } from '../../need.ts';
import { counted } from '../../ui/format.ts';
import { type Condition, conditionText, type SyncSlice, syncList, type Target } from './state.ts';

const severities: Partial<Record<Condition, Severity>> = {
  halted: 'bad',
  down: 'bad',
  retrying: 'bad',
  failing: 'warn',
};

export function needsOf({ targets = [], wrong }: SyncSlice): readonly Need[] {
  const found = targets.flatMap((target): Need[] => {
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
  return [
    ...found,
    ...wrong.map((words): Need => ({ kind: 'unreadable', name: words, severity: 'bad', words })),
  ];
}

function storyOf({ condition, halted, queued, failed, error }: Target): string {
  if (condition === 'halted') return `: ${halted?.message ?? ''}`;
  if (condition === 'failing') return `: ${counted(failed, 'path')} could not be copied`;
  if (condition === 'retrying') return `: ${error ?? ''}`;
  return queued > 0 ? `: ${counted(queued, 'change')} wait` : '';
}

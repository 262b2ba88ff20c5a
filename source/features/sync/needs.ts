import { type Need, unreadable } from '../../need.ts';
import { counted } from '../../ui/format.ts';
import { conditionText, type SyncSlice, severities, syncList, type Target } from './state.ts';

export function needsOf({ targets = [], wrong, elsewhere }: SyncSlice): readonly Need[] {
  const own = targets.map(needOf).filter((need) => need !== undefined);
  return [...own, ...elsewhere, ...wrong.map(unreadable)];
}

/** What is wrong with it, if anything. */
export function needOf(target: Target): Need | undefined {
  const { condition, halted, queued, failed } = target;
  const severity = severities[condition];
  if (severity === undefined) return;
  return {
    kind: condition,
    name: target.target,
    row: syncList.id(target),
    severity,
    words: `${conditionText(condition)}${storyOf(target)}`,
    figure: condition === 'failing' ? failed : queued,
    sinceMs: halted?.sinceMs,
  };
}

function storyOf({ condition, halted, queued, failed, error }: Target): string {
  if (condition === 'halted') return `: ${halted?.message ?? ''}`;
  if (condition === 'failing') return `: ${counted(failed, 'path')} could not be copied`;
  if (condition === 'retrying') return `: ${error ?? ''}`;
  return queued > 0 ? `: ${counted(queued, 'change')} wait` : '';
}

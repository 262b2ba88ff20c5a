import type { Severity } from '../../need.ts';

/**
 * How it stands with a server, in the one word that pane, JSON and needs use:
 *
 *   up        it serves
 *   loading   it reads its data from disk, and answers nothing else
 *   syncing   a replica that gets all data from its primary
 *   unlinked  a replica that has lost its primary
 *   failing   other nodes of the cluster do not reach it
 *   down      it does not answer, or the cluster has given it up
 *   unknown   it answers, and does not tell this user how it is (INFO)
 */
export const conditions = ['up', 'loading', 'syncing', 'unlinked', 'failing', 'down', 'unknown'] as const;
export type Condition = (typeof conditions)[number];

/** Those that need somebody. */
export const severities: Readonly<Record<Condition, Severity | undefined>> = {
  up: undefined,
  loading: 'warn',
  syncing: 'warn',
  unlinked: 'warn',
  failing: 'bad',
  down: 'bad',
  unknown: undefined,
};

export function conditionOf({ role, loading, ...info }: Readonly<Record<string, string>>): Condition {
  if (loading === '1') return 'loading';
  if (info.master_sync_in_progress === '1') return 'syncing';
  return role !== 'master' && info.master_link_status === 'down' ? 'unlinked' : 'up';
}

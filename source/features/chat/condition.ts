/** How far a member has read, in the one word that pane and JSON use. `writes`: it only writes, nothing waits for it. */
export const memberConditions = ['seen', 'unread', 'writes'] as const;
export type MemberCondition = (typeof memberConditions)[number];

export function memberCondition({
  unread,
  writesOnly,
}: {
  readonly unread: number;
  readonly writesOnly: boolean;
}): MemberCondition {
  if (writesOnly) return 'writes';
  return unread > 0 ? 'unread' : 'seen';
}

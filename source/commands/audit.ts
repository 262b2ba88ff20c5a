import { defineCommand, optionalFlag } from '../features/feature.ts';
import { formatClockSeconds } from '../ui/format.ts';
import { textTable } from '../ui/text-table.ts';
import { durationMs } from '../values.ts';
import { type AuditedAct, auditFolder, readAudit } from './audit-trail.ts';
import * as printed from './printed.ts';

/** What was done from this user's consoles. */
export const auditCommand = defineCommand({
  verb: 'audit',
  summary:
    'what was done from your consoles: who, when, on which server, and what was answered; the newest first',
  flags: { since: optionalFlag('DURATION', 'only what was begun within so long', durationMs) },
  emits: printed.audited,
  writes: false,
  offline: true,
  examples: ['quarterdeck audit --since 8h', "quarterdeck audit --json | jq 'select(.production)'"],
  async run(context, { since }) {
    const { stateDirectory, json } = context.config;
    const { acts, unread } = readAudit(stateDirectory);
    for (const text of unread) context.warn(text);
    const nowMs = Date.now();
    const chosen = acts.filter(({ atMs }) => since === undefined || atMs >= nowMs - since);
    if (json) {
      for (const act of chosen) await context.emit(auditJson(act), cells(act).join('  '));
      return { text: '' };
    }
    if (chosen.length > 0) return { text: textTable([heading, ...chosen.map(cells)]) };
    const within = since === undefined ? '' : ' within that time';
    const what = unread.length > 0 ? 'Nothing that can be read is noted' : 'Nothing is noted';
    return { text: `${what}${within} in ${auditFolder(stateDirectory)}` };
  },
});

/** As scripts see it. */
export function auditJson(act: AuditedAct) {
  const { id, atMs, endedAtMs, operator, user, host, pid, server, context, production } = act;
  const { command, input, question, outcome, answer } = act;
  return {
    id,
    at: new Date(atMs).toISOString(),
    endedAt: endedAtMs === undefined ? null : new Date(endedAtMs).toISOString(),
    operator,
    user: user ?? null,
    host,
    pid,
    server,
    context: context ?? null,
    production,
    command,
    input,
    question: question ?? null,
    outcome,
    answer,
  };
}

const heading = ['WHEN', 'WHO', 'WHERE', 'WHAT', 'OUTCOME', 'ANSWER'];

function cells({ atMs, operator, context, server, production, command, input, outcome, answer }: AuditedAct) {
  const place = `${production ? 'PRODUCTION ' : ''}${context ?? server}`;
  const what = [command, ...Object.entries(input).map(([name, value]) => `${name}=${value}`)].join(' ');
  return [formatWhen(atMs), operator, place, what, outcome, answer];
}

function formatWhen(atMs: number): string {
  return `${new Date(atMs).toLocaleDateString('sv')} ${formatClockSeconds(atMs)}`;
}

import { WrongTypeError } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { requireKeyName } from '../../../redis/keys.ts';
import { type Limit, memberOf, requireDistinct, requireWhole, ruleOf, subjectMistake } from '../rules.ts';
import { Notes } from '../usage-index.ts';
import { runChecks, type Verdict } from './check.ts';

/** One limit of one subject, and how much of it is wanted. */
export type Demand = Limit & { readonly subject: string; readonly cost?: number };

/**
 * Spends from the limits of several subjects, such as a user, an address and everyone: all of them or none. In
 * Cluster the subjects share a slot, so they carry one hash tag: `{acme}:user:7`, `{acme}:everyone`.
 * @throws {UsageError} when one limit is named twice, or a subject is no name
 */
export async function hitAll(client: Client, demands: readonly Demand[]): Promise<Verdict> {
  const rules = demands.map(ruleOf);
  for (const { cost = 1 } of demands) requireWhole('cost', cost, 1);
  const subjects = demands.map(({ subject }) => subject);
  for (const [i, rule] of rules.entries()) {
    requireKeyName(client, subjects[i], (name) => subjectMistake(name, rule));
  }
  requireDistinct(rules.map((rule, i) => memberOf(subjects[i] ?? '', rule)));
  const check = { subjects, costs: demands.map(({ cost = 1 }) => cost) };
  const [result] = await runChecks(client, 'spend', rules, [check]);
  if (!result || result instanceof WrongTypeError) throw result;
  const notes = Notes.of(client);
  for (const [i, subject] of subjects.entries()) {
    const isDecider = result.subject === subject;
    notes.touch(subject, rules.slice(i, i + 1), isDecider ? result : { ...result, allowed: true });
  }
  return result;
}

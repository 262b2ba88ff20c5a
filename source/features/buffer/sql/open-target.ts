import { SqlUnreachableError } from '../errors.ts';
import { checkedNames, kindOf, type Target, type TargetOptions } from './target.ts';

/**
 * Opens the database and looks at the table, writing nothing to it but our own small table.
 * @throws {BadTargetError} before anything is opened
 * @throws {SqlUnreachableError | SqlSchemaError}
 */
export async function openTarget(options: TargetOptions): Promise<Target> {
  const names = checkedNames(options);
  if (kindOf(options.to) === 'sqlite') {
    const { openSqlite } = await import('./sqlite.ts').catch((cause: unknown) => {
      throw new SqlUnreachableError('SQLite', `this Node (${process.version}) lacks node:sqlite`, {
        cause,
        hint: 'Node 22.13 and later have it',
      });
    });
    return oneAtATime(await openSqlite(options.to.slice('sqlite:'.length), names));
  }
  const { openPostgres } = await import('./postgres.ts');
  return oneAtATime(await openPostgres(options.to, names));
}

/** A connection carries one transaction: statements of two batches must not mingle in it. */
function oneAtATime(target: Target): Target {
  let last: Promise<unknown> = Promise.resolve();
  return {
    ...target,
    apply(batch, onStep) {
      const applied = last.then(() => target.apply(batch, onStep));
      last = applied.catch(() => {});
      return applied;
    },
    async close() {
      await last;
      await target.close();
    },
  };
}

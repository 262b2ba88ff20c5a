import { loadOptional } from '../../../errors.ts';

type Driver = Pick<typeof import('pg'), 'default'>;

let load = (): Promise<Driver> => loadOptional('pg', 'A PostgreSQL target', () => import('pg'));

/** @throws {MissingPackageError} in a program that uses the library and has no `pg` installed */
export function postgresDriver(): Promise<Driver> {
  return load();
}

/** The program brings a copy of `pg`; who uses the library has one of their own. */
export function bringDriver(bring: () => Promise<Driver>): void {
  load = bring;
}

/** What other programs read passwords from; ours are gone from the environment by then. */
const passwordsOfOthers = ['PGPASSWORD', 'REDISCLI_AUTH'];

/**
 * The environment of a program that we choose and that needs no database: rsync and its ssh, a clipboard, a decompressor, a
 * private server. What the operator wrote (`--exec`, `--before`, `lock run`, `notify`) inherits all but our own secrets.
 */
export function environmentOfHelpers(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !passwordsOfOthers.includes(name)));
}

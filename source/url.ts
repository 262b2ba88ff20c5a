/** A server's URL without what may not be shown, and that apart; or why it is not one. */
export function parseUrl(raw: string): { url: string; username?: string; password?: string } | string {
  let url: URL;
  try {
    url = new URL(raw);
  } catch {
    // The text may hold a password, so it is not repeated.
    return 'Expected a URL such as redis://host:6379, rediss://host:6380 or unix:///path.sock';
  }
  if (!['redis:', 'rediss:', 'unix:'].includes(url.protocol)) {
    return `Expected a URL of redis://, rediss:// or unix://, got \`${url.protocol}//\``;
  }
  let username: string;
  let password: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
    decodeURIComponent(url.pathname);
  } catch {
    return 'Expected a percent sign in a URL to be written as %25';
  }
  const isUnix = url.protocol === 'unix:';
  if (isUnix && url.pathname.length < 2) return 'Expected the path of a socket, such as unix:///path.sock';
  if (!isUnix && url.hostname === '')
    return `Expected a URL such as redis://host:6379; \`${url.protocol}//\` names no host`;
  const database = (isUnix ? url.searchParams.get('db') : url.pathname.slice(1)) ?? '';
  if (!/^\d*$/.test(database)) {
    // What stands there may be half of a password that holds a slash.
    return `Expected the number of a database in a URL, such as ${isUnix ? 'unix:///path.sock?db=3' : 'redis://host:6379/3'}`;
  }
  url.username = '';
  url.password = '';
  return { url: url.href, ...(username && { username }), ...(password && { password }) };
}

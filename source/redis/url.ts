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
  const username = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  url.username = '';
  url.password = '';
  return { url: url.href, ...(username && { username }), ...(password && { password }) };
}

/** A server's URL without what may not be shown, and that apart. */
export type ServerUrl = { readonly url: string; readonly username?: string; readonly password?: string };

/**
 * Reads `redis://`, `rediss://` and `unix:///path.sock`, with a user and a password before the host (or, for a socket,
 * before its path), and with `db` and `password` in the query, as IANA has it.
 * @returns why it is none, without repeating it: it may hold a password
 */
export function parseUrl(raw: string): ServerUrl | string {
  const socket = /^unix:\/\/([^/?#]*@)?(?=\/|$)/.exec(raw);
  let url: URL;
  try {
    // A URL of this kind can have a user only together with a host.
    url = new URL(socket?.[1] === undefined ? raw : raw.replace(socket[0], `unix://${socket[1]}socket`));
  } catch {
    return expected;
  }
  if (!['redis:', 'rediss:', 'unix:'].includes(url.protocol)) return notOurs(raw, url);
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
  if (url.hash !== '') return 'Expected # in a password or path of a URL to be written as %23';
  for (const name of url.searchParams.keys()) {
    if (name !== 'db' && name !== 'password')
      return `Expected nothing but \`db\` and \`password\` behind the ? of a URL, got \`${name}\``;
  }
  const number = url.searchParams.get('db') ?? (isUnix ? '' : url.pathname.slice(1));
  if (!/^\d*$/.test(number)) {
    // What stands there may be half of a password that holds a slash.
    return `Expected the number of a database in a URL, such as ${isUnix ? 'unix:///path.sock?db=3' : 'redis://host:6379/3'}`;
  }
  password ||= url.searchParams.get('password') ?? '';
  url.username = '';
  url.password = '';
  url.search = '';
  if (!isUnix && number !== '') url.pathname = number;
  const bare = isUnix ? `unix://${url.pathname}${number === '' ? '' : `?db=${number}`}` : url.href;
  return { url: bare, ...(username && { username }), ...(password && { password }) };
}

const expected = 'Expected a URL such as redis://host:6379, rediss://host:6380 or unix:///path.sock';

function notOurs(raw: string, { protocol }: URL): string {
  // A host and its port look like a scheme of that name.
  if (/^[\w.-]+:\d+$/.test(raw)) return `${expected}; here perhaps redis://${raw}`;
  return `Expected a URL of redis://, rediss:// or unix://, got \`${protocol}//\``;
}

/**
 * A text without the passwords of URLs in it, for whatever is printed, logged or painted: messages may repeat what
 * somebody typed in the wrong place.
 */
export function withoutPasswords(text: string): string {
  return text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*):[^\s]*@/gi, '$1:***@')
    .replaceAll(/([?&]password=)[^\s&#`'"]+/gi, '$1***');
}

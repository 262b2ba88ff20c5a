/** A global flag: the same name is a key of the config file, and `QUARTERDECK_NAME` in the environment. */
export type GlobalFlag = {
  readonly kind: 'value' | 'switch' | 'list';
  readonly value?: string;
  readonly summary: string;
};

export const globalFlags = {
  url: {
    kind: 'list',
    value: 'URL',
    summary: 'redis://, rediss:// or unix:///path.sock; repeated: shards of hits and limit',
  },
  cluster: { kind: 'switch', summary: 'the URLs are nodes of a Redis Cluster' },
  sentinel: { kind: 'value', value: 'NAME', summary: 'the URLs are sentinels; NAME is the group they watch' },
  embedded: { kind: 'switch', summary: 'start, or join, a private redis-server on a unix socket' },
  embeddedDirectory: {
    kind: 'value',
    value: 'DIR',
    summary: "where the private server's socket and data are",
  },
  user: { kind: 'value', value: 'NAME', summary: 'the ACL user, also for a socket; or redis://NAME@host' },
  passwordFile: {
    kind: 'value',
    value: 'FILE',
    summary: 'read the password from the first line of FILE, again at each reconnect',
  },
  passwordCommand: {
    kind: 'value',
    value: 'CMD',
    summary: 'read the password from the first line that CMD prints, again at each reconnect',
  },
  sentinelPasswordFile: {
    kind: 'value',
    value: 'FILE',
    summary: 'read what the sentinels themselves ask for from the first line of FILE',
  },
  router: {
    kind: 'value',
    value: 'NAME',
    summary: 'how keys spread over several --url: crc32-signed (default), crc32, ketama or slot',
  },
  tlsCa: { kind: 'value', value: 'FILE', summary: 'trust this certificate authority for rediss://' },
  tlsCert: { kind: 'value', value: 'FILE', summary: 'the client certificate for rediss://, with --tls-key' },
  tlsKey: { kind: 'value', value: 'FILE', summary: 'its private key, which nobody else may read' },
  tlsServername: {
    kind: 'value',
    value: 'NAME',
    summary: 'the name that the certificate of the server is for, if not the host of the URL',
  },
  timeout: { kind: 'value', value: 'DURATION', summary: 'give up on a lost Redis after this long (30s)' },
  operator: { kind: 'value', value: 'NAME', summary: 'who you are in chat rooms and locks (your user name)' },
  json: { kind: 'switch', summary: 'one JSON value on stdout; streams give NDJSON' },
  readOnly: { kind: 'switch', summary: 'refuse every command that writes' },
  yes: { kind: 'switch', summary: 'answer yes to a confirmation' },
  color: {
    kind: 'switch',
    summary: 'paint without colour, as with NO_COLOR; `--color`: with colour, also into a pipe',
  },
  theme: {
    kind: 'value',
    value: 'NAME',
    summary: 'the colours: terminal (its own 16), auto (dark or light, as it says), dark, light, or yours',
  },
  glyphs: {
    kind: 'value',
    value: 'SET',
    summary: 'what is drawn with: auto (by your locale), unicode, blocks or ascii',
  },
  context: {
    kind: 'value',
    value: 'NAME',
    summary: 'the servers and settings of this name in the config file',
  },
  view: {
    kind: 'value',
    value: 'NAME',
    summary: 'the view that the console opens with: all, incident, ship, or yours',
  },
  panes: { kind: 'value', value: 'A,B,C', summary: 'the panes that the console opens with' },
  screenReader: {
    kind: 'switch',
    summary: 'the console as sentences for a screen reader: nothing is painted, lines are only added',
  },
  log: {
    kind: 'value',
    value: 'FILE',
    summary: 'write what the console does to FILE, as NDJSON: questions, keys, commands, frames, errors',
  },
  record: {
    kind: 'value',
    value: 'FILE',
    summary: 'write what the console learns into a new FILE, for `quarterdeck replay`',
  },
  config: {
    kind: 'value',
    value: 'FILE',
    summary: 'the config file, instead of the one in ~/.config/quarterdeck',
  },
  debug: { kind: 'switch', summary: 'print a stack trace when something fails' },
} as const satisfies Record<string, GlobalFlag>;

export function isGlobalFlag(name: string): boolean {
  return Object.hasOwn(globalFlags, name);
}

/** How a switch is typed: the one that is on by default is spelled as what turns it off. */
export function spelled(name: string): string {
  return name === 'color' ? 'no-color' : dashed(name);
}

/** `readOnly` -> `read-only`. */
export function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Something of each feature under one name, as our own commands leave it. */
export const oneOfEach = (name: string): readonly (readonly string[])[] => [
  ['chat', 'create', name, '--members', 'ann,bob'],
  ['log', 'write', name, 'started'],
  ['limit', 'hit', name, '--max', '5', '--per', '1h'],
  ['hits', 'add', name, '3'],
  ['lock', 'acquire', name, '--ttl', '1h'],
  ['topic', 'publish', name, 'hello'],
  ['buffer', 'incr', name, '42'],
];

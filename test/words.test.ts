import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

// Words of ours that gave way to the field's (CONTRIBUTING, Habits). Those that are published stay: keys, channels and
// their payloads, fields of JSON, deprecated names of the library.

/** What to say instead. */
const words: readonly (readonly [word: string, instead: string])[] = [
  ['seats?', 'lease, consumer session'],
  ['bell', 'notification'],
  ['doorbell', 'notification'],
  ['shipment', 'open file'],
  ['remarks?', 'warning'],
  ['tally', 'total'],
  ['survey', 'inspect'],
  ['farewell', 'drain'],
  ['ears', 'listeners'],
  ['patience', 'timeout, deadline'],
  ['unwant', 'stop expecting'],
  ['says so', 'returns, prints, reports'],
  ['hears of', 'is notified of, is called for'],
  ['told(?! apart)', 'reported, notified'],
  ['untold', 'missed'],
  ["the book's", 'of Redis in Action'],
  ['(first|second|third|fourth|fifth) seed', 'legacy layout'],
  ['held so long', 'lease duration'],
  ['his|him', 'their, them'],
];

/** Published, or not ours. */
const exceptions: readonly RegExp[] = [
  /(topic|pubsub):seats/,
  // The payload of a notification that older versions listen for, and a field of a topic's state.
  /'seat'/,
  /`?\bbell`?[,\]]|'bell'|`bell`/,
  // Deprecated names of the library.
  /\bas survey\b|`survey`/,
];

const product = [
  'cli.tsx',
  'README.md',
  'CONTRIBUTING.md',
  ...globSync('source/**/*.{ts,tsx,lua}'),
  ...globSync('docs/**/*.md'),
].filter((file) => !file.startsWith('docs/api/'));
const tools = globSync('{test,bench,faults,scripts,examples}/**/*.{ts,tsx,mjs}').filter(
  (file) => file !== path.join('test', 'words.test.ts'),
);

test.each(words)('nobody writes `%s` (%s)', (word) => {
  const pattern = new RegExp(`\\b(${word})\\b`, 'i');
  const found = [...product, ...tools].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) && !exceptions.some((exception) => exception.test(line))
          ? [`${file}:${index + 1}: ${line.trim()}`]
          : [],
      ),
  );
  expect(found).toEqual([]);
});

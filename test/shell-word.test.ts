import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shellWord } from '../source/shell-word.ts';

test.each([
  'job:2',
  'größe/日本',
  '',
  '$(reboot)',
  '`id`',
  "it's; rm -rf ~",
  '{a,b} *?[x] #!~ \\ "quoted" $HOME && | > < ( )',
  'two\nlines',
])('%j is one word for a shell, and stays what it is', (name) => {
  const words = execFileSync('sh', ['-c', `printf '%s\\0' ${shellWord(name)}`], { encoding: 'utf8' });
  expect(words).toBe(`${name}\0`);
});

test('what needs no quotes has none', () => {
  expect(shellWord('topic:msgs:orders-1.x@y/z')).toBe('topic:msgs:orders-1.x@y/z');
});

/** Of ours, or of a value that is quoted where it is made. */
const safe =
  /^(shellWord\(|resumeFlags\(|ofLayout\}|meant |flushCommand\(|role\}|seedLock\}|acksKey\}|mostDistinct\}|messageOf\()/;

test('every name in a command that is suggested is quoted', () => {
  const found = globSync('source/**/*.{ts,tsx}').flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) => {
        if (
          !/\b(fix|hint|command|drop|forget|message)\b|warn\(|return `quarterdeck|Look at it with/.test(line)
        )
          return [];
        const command = /(?:quarterdeck [a-z]+ [a-z]+|redis-cli [A-Z]+|rsync --list-only) [^`]*/g;
        const raw = [...line.matchAll(command)].flatMap(([text]) =>
          text
            .split(';')[0]
            ?.split('${')
            .slice(1)
            .filter((value) => !safe.test(value)),
        );
        return raw.length > 0 ? [`${file}:${index + 1}: ${line.trim()}`] : [];
      }),
  );
  expect(found).toEqual([]);
});

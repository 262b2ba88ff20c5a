import { expect, test } from 'vitest';
import { features } from '../../source/features/index.ts';
import { globalFlags, spelled } from '../../source/global-flags.ts';
import { run } from '../helpers/cli.ts';

test('the man page tells of every command, flag and exit code, without Redis', async () => {
  const { code, stdout } = await run(['man'], { url: 'redis://127.0.0.1:1' });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\.TH QUARTERDECK 1\n\.SH NAME\nquarterdeck \\- /);
  const plain = stdout.replaceAll('\\-', '-');
  for (const load of Object.values(features)) {
    const { noun, commands } = await load();
    for (const { verb } of commands) expect(plain).toMatch(new RegExp(`^\\.SS "${noun} ${verb}\\b`, 'm'));
  }
  for (const name of Object.keys(globalFlags)) expect(plain).toContain(`.B "--${spelled(name)}`);
  expect(plain).toContain('.B "129/130/143"');
  // Plain roff reads nothing else.
  expect(stdout).toMatch(/^\p{ASCII}*$/u);
});

test('no line of text is taken for a request', async () => {
  const { stdout } = await run(['man']);
  const requests = stdout.split('\n').filter((line) => /^[.']/.test(line));
  for (const line of requests) expect(line).toMatch(/^\.(TH|SH|SS|TP|PP|B|BR|I|RI|br|EX|EE)( |$)/);
});

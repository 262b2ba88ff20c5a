import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { defineCommand, flagOr, word } from '../features/feature.ts';

const speed = v.pipe(
  v.string(),
  v.regex(/^\d{1,4}(\.\d{1,3})?x?$/, 'Expected how many times faster, such as 10 or 0.5'),
  v.transform((text) => Number(text.replace('x', ''))),
  v.minValue(0.1, 'Expected 0.1 or more'),
  v.maxValue(1000, 'Expected at most 1000'),
);

/** The console over a recording. */
export const replayCommand = defineCommand({
  verb: 'replay',
  summary: 'show in the console what `--record FILE` wrote, without Redis: pause, step, faster, slower',
  words: { file: word('FILE', 'the recording', v.string()) },
  flags: { speed: flagOr('N', 'how many times faster than it was', speed, '1') },
  writes: false,
  offline: true,
  examples: ['quarterdeck --record incident.ndjson', 'quarterdeck replay incident.ndjson --speed 10'],
  async run({ config }, settings) {
    if (!process.stdout.isTTY || !process.stdin.isTTY) {
      throw new UsageError('A replay needs a terminal', {
        code: 'NO_TERMINAL',
        hint: 'In a script read the file: each line of it is one JSON object',
      });
    }
    const { runReplay } = await import('../console/painted.ts');
    return { text: '', exitCode: await runReplay(config, settings) };
  },
});

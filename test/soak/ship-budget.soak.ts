import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { finished, start } from '../helpers/cli.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { logLines, Scratch } from '../ship/harness.ts';
import { startSampler } from '../ship/sampler.ts';

const MiB = 1024 ** 2;

test.each([
  ['16MiB', '4MiB', 3],
  ['64MiB', '4MiB', 3],
  ['8MiB', '1MiB', 5],
])(
  '300 MB through %s in parts of %s to %i consumers: identical copies, never more than the budget',
  async (budget, part, consumers) => {
    const server = await startRedis();
    using scratch = new Scratch();
    try {
      const block = logLines(3 * MiB);
      const source = scratch.files(
        'in',
        Object.fromEntries([
          ['large.log', Buffer.concat(Array.from({ length: 40 }, () => block))],
          ...Array.from({ length: 30 }, (_, index) => [
            `d${index % 4}/medium-${index}.log`,
            Buffer.concat([block, block]).subarray(0, (index + 1) * 400_000),
          ]),
          ...Array.from({ length: 2000 }, (_, index) => [
            `small/${index}.log`,
            block.subarray(index * 500, index * 500 + (index % 40) * 400),
          ]),
        ]),
      );
      const sampler = await startSampler(server.client(), 'logs:');
      const copies = Array.from({ length: consumers }, (_, id) => path.join(scratch.path, `copy-${id}`));
      const consuming = copies.map((copy, id) =>
        finished(
          start(['ship', 'consume', 'logs:', '--as', String(id), '--out', copy], {
            url: server.url,
            stdin: '',
          }),
        ),
      );
      const words = [
        '--recursive',
        '--channel',
        'logs:',
        '--consumers',
        String(consumers),
        '--budget',
        budget,
        '--part',
        part,
        '--json',
      ];
      const shipping = finished(start(['ship', 'run', source, ...words], { url: server.url, stdin: '' }));
      const shipped = await shipping;
      const consumed = await Promise.all(consuming);
      const samples = await sampler.stop();
      expect([shipped, ...consumed].map(({ code, stderr }) => ({ code, stderr }))).toEqual(
        Array.from({ length: consumers + 1 }, () => ({ code: 0, stderr: '' })),
      );
      console.log(shipped.stdout.trim(), JSON.stringify(samples));
      for (const copy of copies) expect(execFileSync('diff', ['-r', source, copy]).toString()).toBe('');
      const result = JSON.parse(shipped.stdout) as { bytes: number; peakBytes: number; budgetBytes: number };
      expect(result.bytes).toBeGreaterThan(200 * MiB);
      expect(samples.count).toBeGreaterThan(50);
      expect(samples.peakUsedBytes).toBeLessThanOrEqual(result.budgetBytes);
      expect(result.peakBytes).toBeLessThanOrEqual(result.budgetBytes);
      expect(samples.peakMemoryBytes).toBeLessThanOrEqual(result.budgetBytes);
    } finally {
      await server.close();
    }
  },
);

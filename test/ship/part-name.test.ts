import fc from 'fast-check';
import { expect, test } from 'vitest';
import { partName } from '../../source/features/ship/files/part-name.ts';

test('a file shipped in one piece keeps its name', () => {
  const whole = { number: 1, isWhole: true, isGzip: false };
  expect(partName('nginx/access.log', whole)).toBe('nginx/access.log');
  expect(partName('with space: and\nnewline', whole)).toBe('with space: and\nnewline');
  expect(partName('old.log.gz', { ...whole, isGzip: true })).toBe('old.log.gz');
});

test('pieces are numbered, and gzip pieces still end in .gz', () => {
  expect(partName('a.log', { number: 12, isWhole: false, isGzip: false })).toBe('a.log~12');
  expect(partName('a.log.gz', { number: 2, isWhole: false, isGzip: true })).toBe('a.log~2.gz');
  expect(partName('a.log.gz', { number: 2, isWhole: false, isGzip: false })).toBe('a.log.gz~2');
});

test.each([':done', 'x:done', 'a.log~1', 'a~3.gz', ':ledger', ''])('%j does not keep its name', (file) => {
  expect(partName(file, { number: 1, isWhole: true, isGzip: file.endsWith('.gz') })).not.toBe(file);
});

test('what only claims to be gzip does not look like it', () => {
  expect(partName('plain.gz', { number: 1, isWhole: true, isGzip: false })).toBe('plain.gz~1');
  expect(partName('.gz', { number: 1, isWhole: true, isGzip: false })).toBe('.gz~1');
});

test('no part of one file has the key of a part or of a counter of another', () => {
  const piece = fc.constantFrom('a', 'b', '~', '~1', '~22', '.gz', ':done', ':', '/', 'log');
  const file = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
  const shape = fc.record({
    number: fc.integer({ min: 1, max: 30 }),
    isWhole: fc.boolean(),
    isGzip: fc.boolean(),
  });
  fc.assert(
    fc.property(file, shape, file, shape, (oneFile, oneShape, otherFile, otherShape) => {
      fc.pre(oneFile !== otherFile);
      const names = [oneFile, otherFile].map((each, index) => {
        const { isGzip, ...rest } = index === 0 ? oneShape : otherShape;
        return partName(each, { ...rest, isGzip: isGzip && each.endsWith('.gz') });
      });
      const [one = '', other = ''] = names;
      expect(one).not.toBe(other);
      expect(one).not.toBe(`${other}:done`);
      expect(one).not.toBe(':done');
    }),
    { numRuns: 3000 },
  );
});

import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { FilteredInput, makeInputFilter } from '../../../source/console/terminal/input-filter.ts';

const through = (...chunks: string[]): string => {
  const filter = makeInputFilter();
  return chunks.map((chunk) => filter.push(chunk)).join('') + filter.flush();
};

describe('what a terminal says by itself is taken out', () => {
  test.each([
    ['SGR mouse', '\u001B[<0;12;34M'],
    ['SGR mouse released', '\u001B[<0;12;34m'],
    ['X10 mouse', '\u001B[M !!'],
    ['focus in', '\u001B[I'],
    ['focus out', '\u001B[O'],
    ['background colour, BEL', '\u001B]11;rgb:1e1e/1e1e/2e2e\u0007'],
    ['background colour, ST', '\u001B]11;rgb:1e1e/1e1e/2e2e\u001B\\'],
    ['clipboard reply', '\u001B]52;c;aGVsbG8=\u0007'],
    ['device attributes', '\u001B[?62;4c'],
    ['secondary attributes', '\u001B[>0;276;0c'],
    ['mode report', '\u001B[?2026;2$y'],
    ['cursor position', '\u001B[12;40R'],
    ['kitty flags', '\u001B[?1u'],
    ['DCS', '\u001BP>|xterm(380)\u001B\\'],
    ['APC', '\u001B_Gi=1;OK\u001B\\'],
  ])('%s', (_, reply) => {
    expect(through(`a${reply}b`)).toBe('ab');
    expect(through(...`a${reply}b`)).toBe('ab');
  });
});

test('keys pass as they are', () => {
  const keys = [
    '\u001B',
    '\u001B[A',
    '\u001BOP',
    '\u001B[1;5C',
    '\u001B[3~',
    '\u001Bb',
    '\u0003',
    '\r',
    'q',
    '日',
    '\u001B[Z',
  ];
  for (const key of keys) expect(through(key)).toBe(key);
  expect(through(keys.join(''))).toBe(keys.join(''));
});

test('however the bytes are cut, the same comes through', () => {
  const part = fc.constantFrom(
    ...[
      'j',
      'hello ',
      '\r',
      '\u001B[A',
      '\u001B[<0;1;2M',
      '\u001B]11;rgb:00/00/00\u0007',
      '\u001B[?62c',
      '\u001B[I',
    ],
    '\u001B[200~pasted \u001B[31m\ntext\u001B[201~',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(40)), (parts, cuts) => {
      const whole = parts.join('');
      const chunks: string[] = [];
      let rest = whole;
      for (const cut of cuts) {
        chunks.push(rest.slice(0, cut));
        rest = rest.slice(cut);
      }
      expect(through(...chunks, rest)).toBe(through(whole));
    }),
    { numRuns: 1000 },
  );
});

test('a paste comes through whole, or not at all and with a sentence', () => {
  const refused: string[] = [];
  const filter = makeInputFilter((sentence) => refused.push(sentence));
  const paste = (text: string): string => filter.push(`\u001B[200~${text}\u001B[201~q`);
  expect(paste('x'.repeat(200_000))).toHaveLength(200_000 + 13);
  expect(paste('x'.repeat(1_000_000))).toBe('q');
  expect(paste('half \uDCFF')).toBe('q');
  expect(refused).toEqual([
    'Not put in: it is too long (1,000,000 characters, at most 262,144)',
    'Not put in: it is not UTF-8',
  ]);
});

describe('bytes', () => {
  const listen = () => {
    const source = new PassThrough();
    const input = new FilteredInput(source);
    input.setEncoding('utf8');
    const heard: string[] = [];
    const refused: string[] = [];
    input.on('data', (text: string) => heard.push(text));
    input.onRefused = (sentence) => refused.push(sentence);
    return { source, heard: () => heard.join(''), refused };
  };

  test('a character may come byte by byte', async () => {
    const { source, heard, refused } = listen();
    for (const byte of Buffer.from('é日🙂\uFFFDq')) source.write(Buffer.of(byte));
    await vi.waitFor(() => expect(heard()).toBe('é日🙂\uFFFDq'));
    expect(refused).toEqual([]);
  });

  test.each([
    ['Latin-1', Buffer.from('caf\u00E9', 'latin1'), 'caf'],
    ['a byte in the middle', Buffer.from([0x61, 0xff, 0x62]), 'ab'],
    ['an overlong form', Buffer.from([0x61, 0xc0, 0xaf, 0x62]), 'ab'],
    ['a surrogate', Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62]), 'ab'],
  ])('%s that is no UTF-8 is reported, not typed as something else', async (_, bytes, rest) => {
    const { source, heard, refused } = listen();
    source.write(bytes);
    await vi.waitFor(() => expect(refused).toEqual(['Not put in: the terminal sent what is not UTF-8']));
    await vi.waitFor(() => expect(heard()).toBe(rest));
  });

  test('a paste of them is left out whole', async () => {
    const { source, heard, refused } = listen();
    source.write(Buffer.concat([Buffer.from('\u001B[200~a'), Buffer.of(0xff), Buffer.from('b\u001B[201~q')]));
    await vi.waitFor(() => expect(heard()).toBe('q'));
    expect(refused).toEqual(['Not put in: it is not UTF-8']);
  });
});

test('a paste whose end was lost does not lock the keyboard: a lone Ctrl-C ends it', () => {
  expect(through('\u001B[200~half', '\u0003', 'q')).toBe('\u001B[200~half\u001B[201~\u0003q');
  expect(through('\u001B[200~a\u0003b\u001B[201~')).toBe('\u001B[200~a\u0003b\u001B[201~');
});

test('a reply that never ends does not swallow the keyboard for ever', () => {
  expect(through(`\u001B]${'x'.repeat(5000)}`, 'q').endsWith('q')).toBe(true);
});

test('what looked like a reply was typed after all, when nothing follows: Alt-]', async () => {
  const source = new PassThrough();
  const input = new FilteredInput(source);
  input.setEncoding('utf8');
  source.write('\u001B]');
  await vi.waitFor(() => expect(input.read()).toBe('\u001B]'));
});

import { afterEach, describe, expect, test } from 'vitest';
import { runsOf } from '../../source/frames/runs.ts';
import { svgOf } from '../../source/frames/svg.ts';
import { sanitise } from '../../source/ui/text.ts';
import { setAppearance, styled } from '../../source/ui/theme/style.ts';
import { dark, mono, paletteOf } from '../../source/ui/theme/theme.ts';
import { payloads } from '../helpers/injections.ts';

afterEach(() => setAppearance({ styling: 'plain', depth: 16 }));

const size = { columns: 40, rows: 3, background: 'dark', title: 'a frame' } as const;
const tag = /<\/?(?:svg|title|rect|g|path|text)(?: [\w:-]+="[^"<>]*")*\/?>/g;

/** Whether it is made of the few elements we draw with, each closed, and escaped text between them. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [found] of svg.matchAll(tag)) {
    const name = /^<\/?(\w+)/.exec(found)?.[1] ?? '';
    if (found.startsWith('</') && open.pop() !== name) return false;
    if (!/^<\/|\/>$/.test(found)) open.push(name);
  }
  const text = svg.replaceAll(tag, '');
  return open.length === 0 && !/[<>]|&(?!(?:amp|lt|gt|quot);)/.test(text);
}

const scripts = [
  '<script>alert(1)</script>',
  '"/><image href="http://evil/x.png"/>',
  ']]><foreignObject>',
  '&lt;b&gt; &#60;i&#62;',
  '<!ENTITY x SYSTEM "file:///etc/passwd">',
  "' onload='alert(1)",
];

test.each([...scripts, ...payloads].map((payload) => [payload.slice(0, 200)]))(
  'nothing in %j is more than text',
  (payload) => {
    // What a pane paints, and what a careless caller might hand over.
    const lines = [sanitise(payload), styled({ text: payload, tone: 'bad' })];
    const svg = svgOf(lines, { ...size, title: payload });
    expect(isWellFormed(svg)).toBe(true);
    expect(svg).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
  },
);

describe('a picture', () => {
  test('has the colours of the theme, and the weights', () => {
    setAppearance({ styling: 'colour', depth: 'any', palette: paletteOf(dark, undefined) ?? mono });
    const line = styled({ text: 'DEAD', tone: 'bad' }) + styled({ text: ' 2d', tone: 'muted' });
    const svg = svgOf([line], size);
    expect(svg).toContain('<g fill="#fa7078" font-weight="bold">\n<text x="0" y="14.4" textLength="36">DEAD');
    expect(svg).toContain('<g fill="#9aa5b5">\n<text x="45" y="14.4" textLength="18">2d</text>');
  });

  test('of a terminal of 16 colours has such as can be read on its background', () => {
    setAppearance({ styling: 'colour', depth: 16 });
    const line = styled({ text: 'DEAD', tone: 'bad' });
    expect(svgOf([line], size)).toContain('fill="#fa7078"');
    expect(svgOf([line], { ...size, background: 'light' })).toContain('fill="#c62e48"');
  });

  test('draws lines and bars as shapes, so that no font leaves gaps', () => {
    const svg = svgOf(['┏━━┓ ▇▇░░', '┃  ┃ ▁▂█', '╰──╯'], size);
    expect(svg).not.toMatch(/[━┃▇░▁─╯]/);
    expect(svg).toContain('stroke-width="2.5"');
    expect(svg).toContain('fill-opacity="0.25"');
    expect(isWellFormed(svg)).toBe(true);
  });

  test('puts wide characters into two cells, and inverse text on its colour', () => {
    setAppearance({ styling: 'mono' });
    const svg = svgOf([`日本${styled({ text: ' PRODUCTION ', inverse: true })}x`], size);
    expect(svg).toContain('textLength="36">日本<');
    expect(svg).toContain('d="M36 0h108v20h-108z"');
    expect(svg).toContain('<text x="144" y="14.4" textLength="9">x</text>');
  });
});

test('runs are what was styled', () => {
  const line = 'a\u001B[38;2;1;2;3m\u001B[1mb\u001B[0mc\u001B[38;5;94md\u001B[39m\u001B[91;4me';
  expect(runsOf(line).map(({ text, style: { colour, bold } }) => [text, colour, bold])).toEqual([
    ['a', undefined, false],
    ['b', '#010203', true],
    ['c', undefined, false],
    ['d', 94, false],
    ['e', 9, false],
  ]);
});

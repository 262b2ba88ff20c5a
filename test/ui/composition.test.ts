import fc from 'fast-check';
import { expect, test } from 'vitest';
import InkOutput from '../../node_modules/ink/build/output.js';
import Composition from '../../source/ui/composition.ts';
import { sanitise } from '../../source/ui/text.ts';
import { makeXterm, screenCells, settle } from '../helpers/xterm.ts';

const size = { width: 16, height: 5 };

const styles: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `\u001B[1m${text}\u001B[22m`,
  (text) => `\u001B[31m${text}\u001B[39m`,
  (text) => `\u001B[7m${text}\u001B[27m`,
];
const piece = fc
  .tuple(
    fc.nat(styles.length - 1),
    fc.string({ unit: fc.constantFrom('a', 'b', ' ', '│', '日', 'e\u0301', '🙂', '▇', '\n'), maxLength: 9 }),
  )
  .map(([style, text]) => (styles[style] ?? String)(text.split('\n').map(sanitise).join('\n')));
// As chalk does: a colour that ends inside gives way to this one again.
const cyan = (line: string): string => `\u001B[36m${line.replaceAll('\u001B[39m', '\u001B[36m')}\u001B[39m`;
const transform = fc.constantFrom<((line: string) => string)[]>([], [cyan]);
const place = { x: fc.integer({ min: -6, max: 18 }), y: fc.integer({ min: -2, max: 6 }) };
const act = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      ...place,
      text: fc.array(piece, { maxLength: 3 }).map((all) => all.join('')),
      transformers: transform,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      x1: fc.nat(8),
      x2: fc.integer({ min: 4, max: 16 }),
      y1: fc.nat(2),
      y2: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant('unclip' as const) },
);
type Act = typeof act extends fc.Arbitrary<infer Kind> ? Kind : never;

function compose(output: Composition | InkOutput, acts: readonly Act[]): string {
  let clips = 0;
  // As the app does: nothing is painted outside of the screen.
  output.clip({ x1: 0, x2: size.width, y1: 0, y2: size.height });
  for (const one of acts) {
    if (one === 'unclip') {
      if (clips > 0) output.unclip();
      clips = Math.max(0, clips - 1);
    } else if ('text' in one) output.write(one.x, one.y, one.text, { transformers: one.transformers });
    else {
      output.clip(one);
      clips += 1;
    }
  }
  return output.get().output;
}

async function look(frame: string): Promise<string[]> {
  const terminal = makeXterm(size.width + 20, size.height);
  terminal.write(frame.replaceAll('\n', '\r\n'));
  await settle(terminal);
  return screenCells(terminal).map((line) => line.split('|').slice(0, size.width).join('|'));
}

test('puts the same picture together as the class of Ink it stands in for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 10 }), async (acts) => {
      const [ours, theirs] = await Promise.all([
        look(compose(new Composition(size), acts)),
        look(compose(new InkOutput(size), acts)),
      ]);
      expect(ours).toEqual(theirs);
    }),
    { numRuns: 400 },
  );
});

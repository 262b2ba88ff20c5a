import type { AnyFeature } from '../../features/index.ts';
import type { Related, State } from '../../store/store.ts';
import type { List, Listed } from '../../ui/list.ts';

// biome-ignore lint/suspicious/noExplicitAny: each feature keeps the type of its rows
type AnyList = List<any, any>;

/** A name of one letter says nothing. */
const leastName = 2;

/**
 * What has to do with this row of everything the console knows, without asking Redis: rows that share a name with it,
 * such as who holds both; rooms, channels and logs of that name; what people wrote that names it, and what they name.
 */
export function relatedTo(
  { slices }: Pick<State, 'slices'>,
  features: readonly AnyFeature[],
  { noun, list }: Pick<AnyFeature, 'noun' | 'list'>,
  row: unknown,
): readonly Related[] {
  const own = tiesOf(list, row);
  const prose = list.prose?.(row);
  const named = new Set(prose === undefined ? [] : wordsIn(prose));
  const ownId = list.id(row);

  return features.flatMap((feature): Related[] => {
    const { list: theirs, places } = feature;
    const slice = slices[feature.noun] as Listed;
    const inPlaces = (places?.all(slice) ?? []).flatMap(({ place, ties }): Related[] => {
      const by = ties.find((tie) => own.includes(tie) || named.has(tie));
      return by === undefined ? [] : [{ noun: feature.noun, name: place, by, row: undefined, place }];
    });
    const rows: readonly unknown[] = theirs.rows(slice);
    const inRows = rows.flatMap((one): Related[] => {
      const id = theirs.id(one);
      if (feature.noun === noun && id === ownId) return [];
      const by = sharedName(theirs, one, { own, named });
      return by === undefined
        ? []
        : [
            {
              noun: feature.noun,
              name: theirs.name(one),
              by: theirs.prose?.(one) ?? by,
              row: id,
              place: undefined,
            },
          ];
    });
    return [...inPlaces, ...inRows];
  });
}

function sharedName(
  list: AnyList,
  row: unknown,
  { own, named }: { readonly own: readonly string[]; readonly named: ReadonlySet<string> },
): string | undefined {
  const shared = tiesOf(list, row).find((tie) => own.includes(tie) || named.has(tie));
  if (shared !== undefined || own.length === 0 || !list.prose) return shared;
  const words = new Set(wordsIn(list.prose(row)));
  return own.find((tie) => words.has(tie));
}

/** What is written in a row says what it is about; what is else a row is about its own names. */
function tiesOf(list: AnyList, row: unknown): readonly string[] {
  if (list.prose) return [];
  const ties: readonly string[] = list.ties?.(row) ?? [];
  return [...new Set([list.name(row), ...ties])].filter((tie) => tie.length >= leastName);
}

/** The words of a sentence as names have them: without the marks around them, and without the `#` or `@` before. */
function wordsIn(text: string): readonly string[] {
  return text
    .split(/\s+/)
    .flatMap((word) => {
      const bare = word.replace(/^[([{"'`<#@]+/, '').replace(/[)\]}"'`>.,;:!?]+$/, '');
      return bare === word ? [word] : [word, bare];
    })
    .filter((word) => word.length >= leastName);
}

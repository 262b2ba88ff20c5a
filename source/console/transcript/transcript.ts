import type { CommandTable } from '../../commands/palette.ts';
import type { Config } from '../../config.ts';
import type { AnyFeature } from '../../features/index.ts';
import { needSentence, type OpenNeed } from '../../need.ts';
import type { Guide, Mode, State, View } from '../../store/store.ts';
import { arrange, type Listed } from '../../ui/list.ts';
import { nothingLines } from '../../ui/nothing.ts';
import type { Span } from '../../ui/row.tsx';
import { sanitise } from '../../ui/text.ts';
import { zonedClockSeconds } from '../../ui/times.ts';
import { columnRows } from '../input/columns-control.ts';
import { keyLabel } from '../input/key-names.ts';
import { digitOf } from '../input/keymap.ts';
import type { PacedStore } from '../paced-store.ts';
import { guideLines, lookingOf } from '../view/guide-lines.ts';
import { helpLines } from '../view/help-lines.ts';
import { isAnswering, paneNote, pastWords } from '../view/status-text.ts';
import { type Announcer, makeAnnouncer } from './announcer.ts';
import { detailLines, rowSentence } from './sentences.ts';

/**
 * The console for a screen reader: a transcript to which lines are only added. What a key did is said at once; what
 * happens meanwhile by the announcer. What is typed stands at the end of the last line, where the cursor is.
 */
export type Transcript = {
  /** Shows what a key changed, and says it; also that it changed nothing. */
  handled(publish: () => void): void;
  stop(): void;
};

export type TranscriptOptions = {
  readonly shown: PacedStore;
  readonly features: readonly AnyFeature[];
  readonly config: Config;
  readonly table: () => CommandTable;
  readonly views: () => readonly View[];
  readonly write: (text: string) => void;
};

/** Notifications by the terminal would be read out, or move something: commands alone are left. */
export function commandsOf({ bad, warn, ...rest }: Config['notify']): Config['notify'] {
  const commands = (ways: typeof bad) => ways?.filter((way) => typeof way !== 'string');
  return { ...rest, bad: commands(bad), warn: commands(warn) };
}

export function startTranscript(options: TranscriptOptions): Transcript {
  const { shown, features, config, table, views } = options;
  let lines = 0;
  /** What is being typed, as it stands at the end of the transcript. */
  let typed: { readonly label: string; readonly text: string } | undefined;

  const write = (text: string): void => options.write(text);
  const beginTyping = (label: string, text: string): void => {
    typed = { label, text };
    write(`${label}: ${sanitise(text)}`);
  };
  const say = (...texts: readonly string[]): void => {
    const before = typed;
    if (before) write('\n');
    for (const text of texts) write(`${sanitise(text)}\n`);
    lines += texts.length;
    if (before) beginTyping(before.label, before.text);
  };
  const announcer: Announcer = makeAnnouncer({
    say,
    isBusy: () => typed !== undefined,
    clock: () => zonedClockSeconds(Date.now()),
  });

  const featureOf = ({ screen }: State): AnyFeature | undefined =>
    features.find(({ noun }) => noun === screen.focus);
  /** `7 topic, 1 of 11: orders/audit, DEAD, 41,337 wait`. */
  const place = (state: State, withPane: boolean): string => {
    const feature = featureOf(state);
    if (!feature) return 'No pane';
    const slice = state.slices[feature.noun] as Listed;
    const nowMs = Date.now();
    const { rows, index } = arrange(feature.list, slice, nowMs);
    const row = rows[index];
    const note = paneNote(state, feature).text;
    const name = `${digitOf(features.indexOf(feature)) ?? ''} ${feature.noun}`.trim();
    const pane = withPane ? `${name}${note === 'live' ? '' : `, ${note}`}, ` : '';
    if (row === undefined) {
      const words = slice.list.filter === '' ? emptyWords(state, feature) : 'no row matches';
      return `${pane}${words}`;
    }
    const need = needOf(state.needs, feature, feature.list.id(row));
    return `${pane}${index + 1} of ${rows.length}: ${rowSentence(feature.list, row, need, nowMs)}`;
  };

  /** `state, shown, 1 of 9`. */
  const columnLine = ({ screen: { mode }, slices }: State): string => {
    const feature = mode.name === 'columns' ? features.find(({ noun }) => noun === mode.noun) : undefined;
    if (!feature || mode.name !== 'columns') return '';
    const rows = columnRows(feature.list, slices[feature.noun] as Listed);
    const index = rows.findIndex(({ name }) => name === mode.selected);
    return `${mode.selected}, ${rows[index]?.isShown ? 'shown' : 'hidden'}, ${index + 1} of ${rows.length}`;
  };

  const opened = (mode: Mode, state: State): readonly string[] => {
    if (mode.name === 'help') {
      const all = helpLines({ features, focus: state.screen.focus, table: table(), columns: 100 });
      return all.map(lineText).filter((text) => text.trim() !== '');
    }
    if (mode.name === 'output')
      return [mode.title, ...mode.lines, ...(mode.over ? ['Escape goes back to the question'] : [])];
    if (mode.name === 'needs') {
      if (state.needs.length === 0) return ['Nothing needs anybody, as far as has been read'];
      return [
        `${state.needs.length} in the list of needs; Enter goes there, a is: I am on it, s puts it off, Escape goes back`,
        ...state.needs.map((need, index) => needLine(need, index, state.needs.length)),
      ];
    }
    if (mode.name === 'views')
      return [
        `Views: ${views()
          .map(({ name }) => name)
          .join(', ')}`,
      ];
    if (mode.name === 'contexts') {
      return [`${mode.choices.length} contexts; Enter connects, Escape goes back`, contextLine(mode)];
    }
    if (mode.name === 'related') {
      return [
        `${mode.things.length} related to ${mode.of}; Enter goes there, Escape goes back`,
        relatedLine(mode),
      ];
    }
    if (mode.name === 'columns') {
      return [
        `Columns of ${mode.noun}: Space shows or hides one, J and K move it, r is as at first`,
        columnLine(state),
      ];
    }
    if (mode.name === 'panes') return ['Panes: a digit shows or hides one, Escape ends it'];
    if (mode.name === 'confirm') {
      const how =
        mode.word === undefined
          ? 'y is yes, n is no, p is a dry run'
          : `Type ${mode.word} for yes, Escape is no, Control P is a dry run`;
      return [`${mode.asked.question} ${how}`];
    }
    return [];
  };

  /** That what stood over the panes is gone, and where keys go now. */
  const closed = (old: Mode, state: State, before: State): readonly string[] => {
    const what = closings[old.name];
    if (what === undefined) return [];
    const { focus } = state.screen;
    // Where it led to is said anyway.
    const hasMoved =
      focus !== before.screen.focus || state.slices[focus ?? ''] !== before.slices[focus ?? ''];
    return [hasMoved ? `${what} closed` : `${what} closed; ${place(state, true)}`];
  };

  /** What was asked for by a key, or became of it. */
  const sayScreen = (state: State, before: State): void => {
    const { mode } = state.screen;
    const old = before.screen.mode;
    const line =
      'line' in mode && (mode.name !== 'confirm' || mode.word !== undefined) ? mode.line : undefined;
    if (mode.name !== old.name) {
      if (typed) {
        typed = undefined;
        write('\n');
      }
      const texts = mode.name === 'browse' ? closed(old, state, before) : opened(mode, state);
      if (texts.length > 0) say(...texts);
      const isFinder = mode.name === 'palette' && mode.isFinder === true;
      if (line) beginTyping(isFinder ? 'find' : (labels[mode.name] ?? mode.name), line.text);
    } else if (mode.name === 'output' && line && !typed) {
      beginTyping('find', line.text);
    } else if (mode.name === 'output' && !line && typed) {
      typed = undefined;
      write('\n');
    } else if (line && typed && line.text !== typed.text) {
      const { label, text } = typed;
      if (line.text.startsWith(text)) {
        typed = { label, text: line.text };
        write(sanitise(line.text.slice(text.length)));
      } else {
        typed = undefined;
        write('\n');
        beginTyping(label, line.text);
      }
    }
    if (mode === old) return;
    if (mode.name === 'palette' && old.name === 'palette' && mode.choice !== old.choice) {
      const offer = mode.offers[mode.choice];
      if (offer) say(`offered: ${[offer.word, offer.summary].filter(Boolean).join(', ')}`);
    }
    if (
      mode.name === 'palette' &&
      mode.isFinder &&
      (old.name !== 'palette' || mode.line.text !== old.line.text)
    ) {
      const [first] = mode.offers;
      const found = first ? `, first: ${[first.word, first.summary].filter(Boolean).join(', ')}` : '';
      say(`${mode.offers.length} found${found}`);
    }
    if (mode.name === 'output' && old.name === 'output') {
      const more = added(old.lines, mode.lines);
      // Even nothing would begin the line that is typed anew.
      if (more.length > 0) say(...more);
      const at = mode.found?.at;
      // Where it stands is said; lines that came only moved it.
      if (at !== undefined && mode.found !== old.found && mode.lines === old.lines) say(mode.lines[at] ?? '');
    }
    if (mode.name === 'needs' && old.name === 'needs' && mode.selected !== old.selected) {
      const index = state.needs.findIndex(({ id }) => id === mode.selected);
      const need = state.needs[index];
      if (need) say(needLine(need, index, state.needs.length));
    }
    if (mode.name === 'contexts' && old.name === 'contexts') say(contextLine(mode));
    if (mode.name === 'related' && old.name === 'related') say(relatedLine(mode));
    if (mode.name === 'columns' && old.name === 'columns') say(columnLine(state));
    if (mode.name === 'views' && old.name === 'views') say(`view ${views()[mode.choice]?.name ?? ''}`);
  };

  const sayList = (state: State, before: State): void => {
    const feature = featureOf(state);
    if (!feature) return;
    const { noun, list } = feature;
    const slice = state.slices[noun] as Listed;
    const old = before.slices[noun] as Listed;
    // While it is typed, the filter is in the line that is typed.
    if (state.screen.mode.name === 'filter') return;
    const hasMoved =
      slice.list.selected !== old.list.selected ||
      slice.list.order !== old.list.order ||
      slice.list.filter !== old.list.filter ||
      before.screen.mode.name === 'filter';
    const wasWaiting =
      before.freshness[noun]?.name === 'waiting' && state.freshness[noun]?.name !== 'waiting';
    if (state.screen.focus !== before.screen.focus || wasWaiting) say(place(state, true));
    else if (slice.list.details !== old.list.details && slice.list.details !== 'closed') {
      const { rows, index } = arrange(list, slice, Date.now());
      const row = rows[index];
      const need = row === undefined ? undefined : needOf(state.needs, feature, list.id(row));
      if (row !== undefined) say(...detailLines(list, row, need, Date.now()));
    } else if (hasMoved) say(place(state, false));
    if (slice.list.columns !== old.list.columns && state.screen.mode.name === 'columns')
      say(columnLine(state));
    if (slice.list.marks.length !== old.list.marks.length) say(`${slice.list.marks.length} marked`);
    if (list.followsEnd && slice !== old && state.screen.focus === before.screen.focus) {
      const known = new Set(list.rows(old).map((row) => list.id(row)));
      const rows = list.rows(slice);
      const fresh = rows.filter((row) => !known.has(list.id(row)));
      // Another room has other rows: that one was gone to, and nothing of it is new.
      if (fresh.length < rows.length || known.size === 0) {
        const news = fresh.map((row) => ({
          sentence: rowSentence(list, row, undefined, Date.now()),
          isCall: list.calls?.(row, slice) === true,
        }));
        announcer.rows(news);
      }
    }
  };

  const guideTexts = (guide: Guide, { connection, screen }: State): readonly string[] =>
    guideLines(guide, { connection, emptySinceMs: screen.emptySinceMs }, features)
      .map(({ spans }) => lineText(spans).trim().replaceAll(/ {2,}/g, ' '))
      .filter((text) => text !== '');

  const sayState = (state: State, before: State): void => {
    sayScreen(state, before);
    sayList(state, before);
    const { guide, status } = state.screen;
    if (guide && guide !== before.screen.guide) say(...guideTexts(guide, state));
    if (status && status !== before.screen.status) say(status.text);
    if (state.past !== before.past && state.past?.atMs !== before.past?.atMs) {
      say(state.past ? pastWords(state.past) : 'Now again');
    }
    if (state.needs !== before.needs) announcer.needs(state.needs, (need) => labelled(need, features));
    if (isAnswering(state.connection) !== isAnswering(before.connection)) {
      announcer.connection(isAnswering(state.connection) ? 'Redis answers' : 'Redis does not answer');
    }
  };

  const first = shown.getState();
  const production = config.context?.production ? 'PRODUCTION ' : '';
  const where = config.context ? `${production}${config.context.name}, ` : '';
  say(
    `Quarterdeck, ${where}${first.connection.url}${config.readOnly ? ', read-only' : ''}. Panes: ${features
      .map(({ noun }, index) => `${digitOf(index) ?? ''} ${noun}`.trim())
      .join(', ')}. ${keyLabel('?')} says all keys, q leaves.`,
    isAnswering(first.connection) ? place(first, true) : 'Connecting',
  );
  if (first.screen.guide) say(...guideTexts(first.screen.guide, first));
  announcer.needs(first.needs, (need) => labelled(need, features));
  const unsubscribe = shown.subscribe(sayState);

  return {
    handled(publish) {
      const before = lines;
      const wasTyped = typed;
      publish();
      const { mode } = shown.getState().screen;
      if (lines === before && typed === wasTyped && mode.name === 'browse') say('No change');
    },
    stop() {
      unsubscribe();
      announcer.stop();
      if (typed) write('\n');
    },
  };
}

/** What a pane without rows says. */
function emptyWords({ connection, screen }: State, feature: AnyFeature): string {
  const { emptySinceMs } = screen;
  if (!feature.nothing || emptySinceMs[feature.noun] === undefined) return 'no rows';
  return nothingLines(feature.nothing, lookingOf({ connection, emptySinceMs }, feature)).join('. ');
}

const closings: Readonly<Partial<Record<Mode['name'], string>>> = {
  help: 'Help',
  output: 'Output',
  needs: 'List of needs',
  views: 'Views',
  contexts: 'Contexts',
  related: 'Related',
  columns: 'Columns',
  panes: 'Panes',
  palette: 'Command line',
};

const labels: Readonly<Partial<Record<Mode['name'], string>>> = {
  palette: 'command',
  filter: 'filter',
  ask: 'text',
  note: 'note',
  save: 'name of the view',
  confirm: 'answer',
};

function needOf(needs: readonly OpenNeed[], { noun }: AnyFeature, row: string): OpenNeed | undefined {
  return needs.find((need) => need.feature === noun && need.row === row);
}

function relatedLine({ things, choice }: Extract<Mode, { name: 'related' }>): string {
  const thing = things[choice];
  if (!thing) return '';
  const by = thing.by === thing.name ? '' : `, ${thing.by}`;
  return `${choice + 1} of ${things.length}: ${thing.noun} ${thing.name}${by}`;
}

function contextLine({ choices, choice }: Extract<Mode, { name: 'contexts' }>): string {
  const chosen = choices[choice];
  if (!chosen) return '';
  const { name, urls, production, isReadOnly, isCurrent } = chosen;
  const words = [
    name,
    ...(isCurrent ? ['in use'] : []),
    ...(production ? ['PRODUCTION'] : []),
    ...(isReadOnly ? ['begins read-only'] : []),
    urls.join(' '),
  ];
  return `${choice + 1} of ${choices.length}: ${words.join(', ')}`;
}

function needLine(need: OpenNeed, index: number, count: number): string {
  const state = need.ack ? `${need.ack.by} is on it` : need.severity;
  return `${index + 1} of ${count}, ${state}: ${need.feature} ${needSentence(need)}`;
}

function labelled(need: OpenNeed, features: readonly AnyFeature[]): string {
  const at = features.findIndex(({ noun }) => noun === need.feature);
  return `${digitOf(at) ?? ''} ${need.feature} ${needSentence(need)}`.trim();
}

function lineText(spans: readonly Span[]): string {
  return spans.map((span) => (typeof span === 'string' ? span : 'text' in span ? span.text : '')).join('');
}

/** What stands behind the old lines, of which the first may have gone. */
function added(old: readonly string[], now: readonly string[]): readonly string[] {
  for (let gone = 0; gone < old.length; gone += 1) {
    const rest = old.slice(gone);
    if (rest.length <= now.length && rest.every((line, index) => line === now[index])) {
      return now.slice(rest.length);
    }
  }
  return now;
}

import * as v from 'valibot';
import { ackCommand, acknowledge, ackOf, sayInRoom } from '../../commands/needs/needs-command.ts';
import type { AnyCommand } from '../../commands/run-command.ts';
import type { Config } from '../../config.ts';
import { defineCommand } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { type Ack, needSentence, type OpenNeed } from '../../need.ts';
import { type Act, changeScreen, changeSlice, type Mode, type Store } from '../../store/store.ts';
import { choose, chosenRow, type Listed } from '../../ui/list.ts';
import { durationMs } from '../../values.ts';
import { type CommandRunner, pastRefusal } from './command-runner.ts';
import { emptyLine } from './line-editor.ts';

/** What the keys do about needs: go to one, list them, acknowledge, put off, tell the room. */
export type NeedsControl = {
  /** Goes to the next (1) or previous (-1) need, the most urgent first. */
  step(by: 1 | -1): void;
  open(): void;
  /** Back to where the last jump came from. */
  home(): void;
  /** A key while the list is open. */
  press(key: string, now: NeedsMode): void;
  /** Enter, while a note or a time is typed. */
  answer(now: NoteMode): void;
};

export type NeedsMode = Extract<Mode, { name: 'needs' }>;
export type NoteMode = Extract<Mode, { name: 'note' }>;

export type NeedsControlOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly config: Config;
  readonly runner: CommandRunner;
  /** Acknowledges in this console only. */
  readonly keep: (id: string, ack: Ack | undefined) => void;
};

type Jump = { readonly focus: string; readonly isZoomed: boolean; readonly selected: string | undefined };

/** How long an acknowledgement lasts, unless the need ends or gets worse before. */
const ackForMs = 24 * 60 * 60_000;
const snoozed = '15m';
const mostJumps = 50;
/** What is gone to may have to be read first, as a channel that was not shown. */
const arriveWithinMs = 5000;

export function makeNeedsControl(options: NeedsControlOptions): NeedsControl {
  const { store, features, config, runner, keep } = options;
  let lastId: string | undefined;
  let jumps: readonly Jump[] = [];
  let stopArriving = (): void => {};

  const needs = (): readonly OpenNeed[] => store.getState().needs;
  const setMode = (mode: Mode): void => changeScreen(store, { mode });
  const tell = (text: string, tone: 'info' | 'bad' = 'info'): void =>
    changeScreen(store, { status: { text, tone } });
  const featureOf = ({ feature }: OpenNeed): AnyFeature | undefined =>
    features.find(({ noun }) => noun === (feature === 'server' ? 'shards' : feature));

  /** Chooses the row now, or once it is there. */
  const arrive = ({ noun, list }: AnyFeature, row: string): void => {
    const chooseIt = (): boolean => {
      let isThere = false;
      changeSlice(store, noun, (slice) => {
        const next = choose(list, slice as Listed, row, Date.now());
        isThere = next !== undefined;
        return next ?? slice;
      });
      return isThere;
    };
    if (chooseIt()) return;
    const { focus } = store.getState().screen;
    const until = performance.now() + arriveWithinMs;
    const unsubscribe = store.subscribe((state) => {
      const isOver = performance.now() > until || state.screen.focus !== focus;
      if (!isOver && !list.rows(state.slices[noun]).some((one: unknown) => list.id(one) === row)) return;
      unsubscribe();
      if (!isOver) chooseIt();
    });
    stopArriving = unsubscribe;
  };
  const go = (need: OpenNeed): void => {
    stopArriving();
    lastId = need.id;
    const feature = featureOf(need);
    if (!feature) return;
    const { noun } = feature;
    const { focus, isZoomed } = store.getState().screen;
    const here = store.getState().slices[focus] as Listed | undefined;
    jumps = [...jumps, { focus, isZoomed, selected: here?.list.selected }].slice(-mostJumps);
    changeScreen(store, { focus: noun });
    changeSlice(store, noun, (slice) => feature.goTo?.(slice, need) ?? slice);
    if (need.row !== undefined) arrive(feature, need.row);
  };

  /** The need that is looked at now; -1: none, so that the first is next. */
  const place = (): number => {
    const { screen, slices } = store.getState();
    const index = needs().findIndex(({ id }) => id === lastId);
    const need = needs()[index];
    const feature = need && featureOf(need);
    if (!need || feature?.noun !== screen.focus) return -1;
    if (need.row === undefined) return index;
    const slice = slices[feature.noun] as Listed;
    const row = chosenRow(feature.list, slice, Date.now());
    return row !== undefined && feature.list.id(row) === need.row ? index : -1;
  };

  const actOf = (path: string, input: Act['input']): Act => ({ path, input, commandLine: [], json: false });
  const put = (need: OpenNeed, note: string, forMs: number): void => {
    const { id } = need;
    if (config.readOnly) {
      keep(id, ackOf(config.operator, need, { note, forMs }));
      tell(`${need.name}: acknowledged here only, as this console is read-only`);
      return;
    }
    const as = commandOf('ack', (context) => acknowledge(context, need, { note, forMs }));
    void runner.run(actOf('ack', { id, note, for: forMs }), { as });
  };
  const keys: Readonly<Record<string, (need: OpenNeed) => void>> = {
    enter(need) {
      setMode({ name: 'browse' });
      go(need);
    },
    a: ({ id }) => setMode({ name: 'note', act: 'ack', id, line: emptyLine() }),
    s: ({ id }) => setMode({ name: 'note', act: 'snooze', id, line: emptyLine(['4h', '1h'], snoozed) }),
    u({ id, name, ack }) {
      if (!ack) tell(`Nobody is on ${name}`, 'bad');
      else if (config.readOnly) keep(id, undefined);
      else void runner.run(actOf('unack', { id }));
    },
    m(need) {
      const as = commandOf('ack', (context) => sayInRoom(context, needSentence(need)));
      void runner.run(actOf('ack', {}), { as });
    },
  };

  return {
    step(by) {
      const all = needs();
      if (all.length === 0) {
        tell('Nothing needs anybody, as far as has been read');
        return;
      }
      const at = place();
      const next = at === -1 ? (by === 1 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
      const need = all[next];
      if (!need) return;
      go(need);
      tell(`Need ${next + 1} of ${all.length}: ${needSentence(need)}`);
    },
    open: () => setMode({ name: 'needs', selected: undefined }),
    home() {
      const from = jumps.at(-1);
      const feature = features.find(({ noun }) => noun === from?.focus);
      if (!from || !feature) {
        tell('There is no jump to go back from', 'bad');
        return;
      }
      jumps = jumps.slice(0, -1);
      stopArriving();
      const { focus, isZoomed, selected } = from;
      changeScreen(store, { focus, isZoomed });
      changeSlice(store, focus, (slice) =>
        selected === undefined
          ? slice
          : (choose(feature.list, slice as Listed, selected, Date.now()) ?? slice),
      );
    },
    press(key, now) {
      const all = needs();
      const at = Math.max(
        0,
        all.findIndex(({ id }) => id === now.selected),
      );
      const to = stepped(at, key, all.length);
      const need = all[at];
      if (key === 'esc' || key === 'q' || key === '!' || key === 'ctrl+c') setMode({ name: 'browse' });
      else if (to !== undefined) setMode({ ...now, selected: all[to]?.id });
      else if (!need) tell('Nothing needs anybody');
      else if (key !== 'enter' && keys[key] && pastRefusal(store.getState().past) !== undefined) {
        tell(pastRefusal(store.getState().past) ?? '', 'bad');
      } else if (keys[key]) {
        // From here on it is this one that is meant, wherever it stands.
        if (now.selected !== need.id) setMode({ ...now, selected: need.id });
        keys[key](need);
      } else tell(`${key} does nothing here; Esc goes back`, 'bad');
    },
    answer({ act, id, line }) {
      const need = needs().find((one) => one.id === id);
      setMode({ name: 'needs', selected: id });
      if (!need) {
        tell('It is over; nothing was done');
        return;
      }
      if (act === 'ack') {
        put(need, line.text.trim(), ackForMs);
        return;
      }
      const time = v.safeParse(durationMs, line.text.trim());
      if (time.success) put(need, '', time.output);
      else tell(`${time.issues[0].message}; nothing was done`, 'bad');
    },
  };
}

function stepped(at: number, key: string, length: number): number | undefined {
  const last = Math.max(0, length - 1);
  const steps: Readonly<Record<string, number>> = {
    up: at - 1,
    k: at - 1,
    E: at - 1,
    down: at + 1,
    j: at + 1,
    e: at + 1,
    pageup: at - 10,
    pagedown: at + 10,
    home: 0,
    g: 0,
    end: last,
    G: last,
  };
  const to = steps[key];
  return to === undefined ? undefined : Math.max(0, Math.min(last, to));
}

function commandOf(verb: string, run: AnyCommand['run']): AnyCommand {
  return { ...defineCommand({ verb, summary: ackCommand.summary, writes: true, run }) };
}

import * as v from 'valibot';
import { ackCommand, acknowledge, ackOf, sayInRoom } from '../../commands/needs/needs-command.ts';
import type { AnyCommand } from '../../commands/run-command.ts';
import type { Config } from '../../config.ts';
import { defineCommand } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { type Ack, needSentence, type OpenNeed } from '../../need.ts';
import { type Act, changeScreen, type Mode, type Store } from '../../store/store.ts';
import { chosenRow, type Listed } from '../../ui/list.ts';
import { durationMs } from '../../values.ts';
import { type CommandRunner, pastRefusal } from './command-runner.ts';
import type { Jumps } from './jumps.ts';
import { emptyLine } from './line-editor.ts';
import { stepped } from './stepped.ts';

/** What the keys do about needs: go to one, list them, acknowledge, put off, tell the room. */
export type NeedsControl = {
  /** Goes to the next (1) or previous (-1) need, the most urgent first. */
  step(by: 1 | -1): void;
  open(): void;
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
  readonly jumps: Jumps;
  /** Acknowledges in this console only. */
  readonly keep: (id: string, ack: Ack | undefined) => void;
};

/** How long an acknowledgement lasts, unless the need ends or gets worse before. */
const ackForMs = 24 * 60 * 60_000;
const snoozed = '15m';

export function makeNeedsControl(options: NeedsControlOptions): NeedsControl {
  const { store, features, config, runner, jumps, keep } = options;
  let lastId: string | undefined;

  const needs = (): readonly OpenNeed[] => store.getState().needs;
  const setMode = (mode: Mode): void => changeScreen(store, { mode });
  const tell = (text: string, tone: 'info' | 'bad' = 'info'): void =>
    changeScreen(store, { status: { text, tone } });
  const featureOf = ({ feature }: OpenNeed): AnyFeature | undefined =>
    features.find(({ noun }) => noun === (feature === 'server' ? 'shards' : feature));

  const go = (need: OpenNeed): void => {
    lastId = need.id;
    const feature = featureOf(need);
    if (!feature) return;
    const { noun, goTo } = feature;
    jumps.go({ noun, row: need.row, ...(goTo && { show: (slice) => goTo(slice, need) }) });
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
      const as = commandOf('send', (context) => sayInRoom(context, needSentence(need)));
      void runner.run(actOf('chat send', {}), { as });
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

function commandOf(verb: string, run: AnyCommand['run']): AnyCommand {
  return { ...defineCommand({ verb, summary: ackCommand.summary, writes: true, run }) };
}

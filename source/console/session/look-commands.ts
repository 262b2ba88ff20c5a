import * as v from 'valibot';
import { type AnyCommand, parseInput, runCommand } from '../../commands/run-command.ts';
import { UsageError } from '../../errors.ts';
import { defineCommand, list, optionalWord, word } from '../../features/feature.ts';
import { type TimeStyle, timeStyles } from '../../file-settings.ts';
import { defaultFile, formatOf, frameFormats, frameText, writeFrame } from '../../frames/frame-file.ts';
import { changeScreen } from '../../store/store.ts';
import { safeJson, sanitise } from '../../ui/text.ts';
import { currentTimes, setTimes } from '../../ui/times.ts';
import type { AppearanceControl } from '../appearance.ts';
import { digitOf } from '../input/keymap.ts';
import type { Clipboard } from './clipboard.ts';
import { chosenItem, currentFrame, itemText, type Looking } from './current-frame.ts';

/** Commands about the frame on the screen and how it looks, which only a console can have. */
export type LookOptions = {
  readonly looking: Looking;
  readonly clipboard: Clipboard;
  readonly appearance: AppearanceControl;
  /** Everything is painted anew, in other colours. */
  readonly repaint: () => void;
  /** What shares a frame in a room. */
  readonly shareWith: () => AnyCommand | undefined;
};

const timesWords: Readonly<Record<TimeStyle, string>> = {
  local: 'Times are local time',
  utc: 'Times are UTC',
  age: 'Times are ages: how long ago',
};

const copied = ['name', 'text', 'json', 'frame'] as const;

export function lookCommands({
  looking,
  clipboard,
  appearance,
  repaint,
  shareWith,
}: LookOptions): Readonly<Record<string, AnyCommand>> {
  const save = defineCommand({
    verb: 'save',
    summary: 'write the frame to a file: text, ansi (with colours), json (with what is listed) or svg',
    words: {
      format: optionalWord('FORMAT', 'text, ansi, json or svg; what FILE ends in, else text', v.string()),
      file: optionalWord('FILE', 'a new file (one in the state directory)', v.string()),
    },
    writes: false,
    offline: true,
    async run({ config }, words) {
      const format = frameFormats.find((one) => one === words.format);
      const file = words.file ?? (format === undefined ? words.format : undefined);
      if (format === undefined && words.file !== undefined) {
        throw new UsageError(`There is no format \`${words.format}\``, {
          hint: `Known: ${frameFormats.join(', ')}`,
        });
      }
      const wanted = format ?? (file === undefined ? 'text' : formatOf(file));
      const frame = currentFrame(looking);
      const target = file ?? defaultFile(config.stateDirectory, wanted, frame);
      return { text: `Saved ${writeFrame(target, frameText(wanted, frame))}` };
    },
  });

  const copy = defineCommand({
    verb: 'copy',
    summary: 'copy the name of the chosen row, the row as text or JSON, or the frame',
    words: {
      what: optionalWord(
        'WHAT',
        copied.join(', '),
        v.picklist(copied, `Expected one of ${copied.join(', ')}`),
      ),
    },
    writes: false,
    offline: true,
    async run(_, { what = 'name' }) {
      const text = what === 'frame' ? frameText('text', currentFrame(looking)) : rowAs(what, looking);
      return { text: await clipboard.copy(text) };
    },
  });

  const theme = defineCommand({
    verb: 'theme',
    summary: 'show other colours until the console ends: terminal, auto, dark, light, or yours',
    words: { name: word('NAME', 'the theme', v.string()) },
    writes: false,
    offline: true,
    async run(_, { name }) {
      appearance.show(
        name === 'auto'
          ? { dark: 'dark', light: 'light', fallback: 'terminal' }
          : { dark: name, light: name, fallback: name },
      );
      repaint();
      return { text: `The theme is ${name}; \`theme\` in the config file keeps it` };
    },
  });

  const times = defineCommand({
    verb: 'times',
    summary: 'show the times of every pane as local time, as UTC or as ages, until the console ends',
    words: {
      style: optionalWord(
        'STYLE',
        `${timeStyles.join(', ')} (the next)`,
        v.picklist(timeStyles, `Expected one of ${timeStyles.join(', ')}`),
      ),
    },
    writes: false,
    offline: true,
    async run(_, { style }) {
      const next = timeStyles[(timeStyles.indexOf(currentTimes()) + 1) % timeStyles.length];
      const wanted = style ?? next ?? 'local';
      setTimes(wanted);
      // Its clock may have stood still for a while.
      if (!looking.store.getState().past) changeScreen(looking.store, { nowMs: Date.now() });
      repaint();
      return { text: timesWords[wanted] };
    },
  });

  const share = defineCommand({
    verb: 'share',
    summary: 'send a room what you see: a sentence (of the chosen row, unless you give one) and the frame',
    words: {
      room: word('ROOM', 'the room', v.string()),
      text: list('TEXT', 'what there is to see', v.string()),
    },
    writes: true,
    async run(context, { room, text }) {
      const path = 'chat share';
      const command = shareWith();
      if (!command) throw new UsageError(`There is no command \`${path}\``);
      const { items: _, ...frame } = currentFrame(looking);
      const sentence = text.length > 0 ? text.join(' ') : sentenceOf(looking);
      const input = parseInput(path, command, {
        words: [room, sentence],
        flags: { frame: frameText('json', frame) },
        commandLine: [],
      });
      return await runCommand(path, command, input, context);
    },
  });

  return { save, copy, theme, times, share };
}

/** `7 topic orders/audit  state dead  lag 41337`: the pane and its chosen row. */
function sentenceOf({ store, features }: Looking): string {
  const at = features.findIndex(({ noun }) => noun === store.getState().screen.focus);
  const feature = features[at];
  if (!feature) return 'the console';
  const item = chosenItem(feature, store);
  return sanitise(
    [`${digitOf(at) ?? ''} ${feature.noun}`.trim(), ...(item ? [itemText(item)] : [])].join(' '),
  );
}

/** @throws {UsageError} when no row is chosen */
function rowAs(what: 'name' | 'text' | 'json', { store, features }: Looking): string {
  const feature = features.find(({ noun }) => noun === store.getState().screen.focus);
  const item = feature && chosenItem(feature, store);
  if (!feature || !item) throw new UsageError('Nothing to copy: no row is chosen');
  if (what === 'json') return safeJson({ pane: feature.noun, ...item });
  return sanitise(what === 'name' ? String(item.name) : itemText(item));
}

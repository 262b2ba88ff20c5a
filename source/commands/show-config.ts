import { defineCommand } from '../features/feature.ts';
import { textTable } from '../ui/text-table.ts';
import * as printed from './printed.ts';

export const configCommand = defineCommand({
  verb: 'config',
  summary: 'show the settings in force and where each comes from: flags, environment, config file, defaults',
  prints: printed.settings,
  writes: false,
  offline: true,
  async run({ config }) {
    const { password, sentinelPassword, warnings: _warnings, ...shown } = config;
    const isSet = (secret: string | undefined) => (secret === undefined ? 'not set' : 'set');
    const json = { ...shown, password: isSet(password), sentinelPassword: isSet(sentinelPassword) };
    const rows = Object.entries(json)
      .filter(([name, value]) => value !== undefined && name !== 'sources')
      .map(([name, value]) => [name, config.sources[name] ?? '', shownAs(value)]);
    return { json, text: textTable(rows) };
  },
});

function shownAs(value: unknown): string {
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (isList) return value.join(' ');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

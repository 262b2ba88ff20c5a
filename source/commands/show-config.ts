import { defineCommand } from '../features/feature.ts';

export const configCommand = defineCommand({
  verb: 'config',
  summary: 'show the settings in force, after flags, environment, config file and defaults',
  writes: false,
  offline: true,
  async run({ config }) {
    const { password, sentinelPassword, warnings: _warnings, ...shown } = config;
    const told = (secret: string | undefined) => (secret === undefined ? 'not set' : 'set');
    const json = { ...shown, password: told(password), sentinelPassword: told(sentinelPassword) };
    const entries = Object.entries(json).filter(([, value]) => value !== undefined);
    const longest = Math.max(...entries.map(([name]) => name.length));
    const lines = entries.map(
      ([name, value]) => `${name.padEnd(longest)}  ${Array.isArray(value) ? value.join(' ') : String(value)}`,
    );
    return { json, text: lines.join('\n') };
  },
});

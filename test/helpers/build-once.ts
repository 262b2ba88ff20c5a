import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Tests that run the command line run what users run: the built file. */
export default function buildOnce(): void {
  if (!existsSync('cli.tsx')) return;
  execFileSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' });
}

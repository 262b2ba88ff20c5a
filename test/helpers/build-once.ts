import { execFileSync } from 'node:child_process';

/** Tests that run the command line run what users run: the built file. */
export default function buildOnce(): void {
  execFileSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' });
}

/** What paints, as the one file that the build makes of it; whoever loads it loads Ink. */
export { openConsole } from './open-console.ts';
export { printSnapshot } from './print-frame.tsx';
export { runConsole } from './run-console.tsx';
export { runReplay } from './run-replay.tsx';

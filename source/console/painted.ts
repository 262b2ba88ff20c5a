/** What paints, as the one file that the build makes of it; whoever loads it loads Ink. */
export { openConsole } from './open-console.ts';
export { printFrame } from './print-frame.tsx';
export { runConsole } from './run-console.tsx';

declare module '*.lua' {
  /** The file's text; the build, the test runner and `scripts/register-lua.ts` all load it so. */
  const text: string;
  export default text;
}

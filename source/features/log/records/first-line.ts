/** How lines become records: by how they begin, or by what the first one looks like. */
export type Multiline = 'indent' | RegExp;

/** Whether a line begins a record; asked of every line of a stream, in their order. */
export type StartOf = (line: string) => boolean;

/** Undefined where each line is a record of its own. */
export function firstBy(multiline: Multiline | undefined): StartOf | undefined {
  if (multiline === undefined) return;
  return multiline === 'indent' ? byIndent() : (line) => multiline.test(line);
}

/** What goes on with the event before it: indented or empty, a cause, what was left out of a trace, a closing bracket. */
const continuing = /^(?:\s|$|Caused by:|Suppressed:|\.{3}|[)\]}])/;
const traceback = /^Traceback \(most recent call last\):/;
const chained = /^(?:During handling of the above exception|The above exception was the direct cause)/;

/** A trace of Python ends with the first line that is not indented. */
function byIndent(): StartOf {
  let isInTraceback = false;
  let isChained = false;
  return (line) => {
    if (traceback.test(line)) {
      const isFirst = !isChained;
      isInTraceback = true;
      isChained = false;
      return isFirst;
    }
    if (continuing.test(line)) return false;
    if (chained.test(line)) {
      isChained = true;
      return false;
    }
    isChained = false;
    const isFirst = !isInTraceback;
    isInTraceback = false;
    return isFirst;
  };
}

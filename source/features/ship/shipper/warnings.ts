/** What was not as expected, each once: kept for the result, and reported as soon as it is found. */
export class Warnings {
  /** Files that could not be shipped. */
  readonly failed: string[] = [];
  readonly notes: string[] = [];
  readonly #onNote: (note: string) => void;

  constructor(onNote: (note: string) => void = () => {}) {
    this.#onNote = onNote;
  }

  note(text: string): void {
    if (this.notes.includes(text)) return;
    this.notes.push(text);
    this.#onNote(text);
  }

  fail(text: string): void {
    if (!this.failed.includes(text)) this.failed.push(text);
  }
}

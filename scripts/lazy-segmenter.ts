/**
 * Stands in for Intl.Segmenter in the bundle: several packages make one as they are loaded, the first of which takes
 * nine milliseconds, and a frame of ours needs none.
 */
export class LazySegmenter {
  readonly #options: [locales?: Intl.LocalesArgument, options?: Intl.SegmenterOptions];
  #real: Intl.Segmenter | undefined;

  constructor(...options: [locales?: Intl.LocalesArgument, options?: Intl.SegmenterOptions]) {
    this.#options = options;
  }

  segment(text: string): Intl.Segments {
    // By another name than the one the build replaces.
    const { Segmenter } = Intl;
    this.#real ??= new Segmenter(...this.#options);
    return this.#real.segment(text);
  }
}

/**
 * Asks questions on a timer: each has one reading in flight at most and backs off while it fails. What is due falls on
 * a grid of moments, so that readings of one moment are asked in the same turn of the event loop: autopipelining sends
 * them as one pipeline, and an idle process wakes up few times a second.
 */
export type Question = {
  readonly everyMs: number;
  /** Stretched or not, it is asked again after this long; only failing makes it wait longer. */
  readonly longestMs?: number;
  /** Asks once. A rejection makes the next asking wait longer; reporting it is the asker's business. */
  ask(): Promise<void>;
};

export type Poller = {
  /** Asks this question in the next tick, whatever its timer says; again after the reading in flight, if any. */
  ring(question: Question): void;
  /**
   * As `ring`, for what comes by itself, such as notifications: while intervals are stretched, not sooner than half
   * of its own after it was last asked.
   */
  notify(question: Question): void;
  stop(): void;
};

type Asked = {
  dueAtMs: number;
  askedAtMs: number;
  isAsking: boolean;
  isRung: boolean;
  isNotified: boolean;
  failures: number;
};

const gridMs = 250;
/** What is rung for comes in bursts: between two rounds there is at least this long. */
const betweenMs = 100;
const longestBackoffMs = 15_000;

/** `stretch` (1 or more) lengthens every interval: how the caller keeps within its budget of commands. */
export function startPoller(questions: readonly Question[], stretch: () => number = () => 1): Poller {
  const states = new Map<Question, Asked>(
    questions.map((question) => [
      question,
      {
        dueAtMs: 0,
        askedAtMs: Number.NEGATIVE_INFINITY,
        isAsking: false,
        isRung: false,
        isNotified: false,
        failures: 0,
      },
    ]),
  );
  // Each process has a grid of its own, or many consoles would ask one server in step.
  const phaseMs = Math.random() * gridMs;
  let roundAtMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const onGrid = (ms: number): number => Math.round((ms - phaseMs) / gridMs) * gridMs + phaseMs;

  const ask = async (question: Question, state: Asked): Promise<void> => {
    const askedAtMs = performance.now();
    state.askedAtMs = askedAtMs;
    state.isAsking = true;
    state.isRung = false;
    state.isNotified = false;
    try {
      await question.ask();
      state.failures = 0;
    } catch {
      state.failures += 1;
    }
    state.isAsking = false;
    const backedOff = Math.min(
      question.everyMs * 2 ** state.failures,
      Math.max(longestBackoffMs, question.everyMs),
    );
    const stretched = Math.min(backedOff * stretch(), Math.max(backedOff, question.longestMs ?? Infinity));
    // One that took longer than its interval is not asked again without a pause.
    state.dueAtMs = Math.max(onGrid(askedAtMs + stretched), onGrid(performance.now() + stretched / 2));
    arm();
  };

  const dueOf = (question: Question, state: Asked): number => {
    if (state.isRung) return 0;
    if (!state.isNotified) return state.dueAtMs;
    const factor = stretch();
    return factor <= 1 ? 0 : Math.min(state.dueAtMs, state.askedAtMs + (question.everyMs * factor) / 2);
  };
  const arm = (): void => {
    if (isStopped) return;
    clearTimeout(timer);
    const waiting = [...states].filter(([, { isAsking }]) => !isAsking);
    if (waiting.length === 0) return;
    const dueAtMs = Math.min(...waiting.map(([question, state]) => dueOf(question, state)));
    timer = setTimeout(round, Math.max(0, Math.max(dueAtMs, roundAtMs + betweenMs) - performance.now()));
  };
  const round = (): void => {
    roundAtMs = performance.now();
    // Timers come in whole milliseconds, and may be one early.
    const due = [...states].filter(
      ([question, state]) => !state.isAsking && dueOf(question, state) <= roundAtMs + 1,
    );
    for (const [question, state] of due) void ask(question, state);
    arm();
  };
  round();

  return {
    ring(question) {
      const state = states.get(question);
      if (!state) return;
      state.isRung = true;
      if (!state.isAsking) arm();
    },
    notify(question) {
      const state = states.get(question);
      if (!state || state.isNotified) return;
      state.isNotified = true;
      if (!state.isAsking) arm();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

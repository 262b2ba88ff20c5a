/**
 * Asks questions on a timer: each has one reading in flight at most, backs off while it fails, and everything due
 * in one tick is asked in the same turn of the event loop, so that autopipelining sends it as one pipeline.
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
  stop(): void;
};

type Asked = { dueAtMs: number; isAsking: boolean; isRung: boolean; failures: number };

const tickMs = 100;
const longestBackoffMs = 15_000;

/** `stretch` (1 or more) lengthens every interval: how the caller keeps within its budget of commands. */
export function startPoller(questions: readonly Question[], stretch: () => number = () => 1): Poller {
  const states = new Map<Question, Asked>(
    questions.map((question) => [question, { dueAtMs: 0, isAsking: false, isRung: false, failures: 0 }]),
  );

  const ask = async (question: Question, state: Asked): Promise<void> => {
    state.isAsking = true;
    state.isRung = false;
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
    // Jitter keeps many consoles from asking one server in step.
    state.dueAtMs = performance.now() + stretched * (0.95 + Math.random() * 0.1);
  };

  const tick = (): void => {
    const now = performance.now();
    for (const [question, state] of states) {
      if (!state.isAsking && (state.isRung || now >= state.dueAtMs)) void ask(question, state);
    }
  };
  const timer = setInterval(tick, tickMs);
  tick();

  return {
    ring(question) {
      const state = states.get(question);
      if (state) state.isRung = true;
    },
    stop() {
      clearInterval(timer);
    },
  };
}

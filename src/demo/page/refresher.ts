/** A task that costs the app much time is run less often: it shall not take more than a quarter of it. */
const PAUSE_PER_DURATION = 3;

/** Runs `task` soon after it is asked for, never twice at once, and at most once in `intervalMs`. */
export function createRefresher(task: () => Promise<void>, intervalMs: number): () => void {
  let asked = false;
  let busy = false;

  const run = async (): Promise<void> => {
    busy = true;
    asked = false;
    const started = performance.now();
    try {
      await task();
    } finally {
      const took = performance.now() - started;
      setTimeout(
        () => {
          busy = false;
          if (asked) void run();
        },
        Math.max(intervalMs - took, PAUSE_PER_DURATION * took),
      );
    }
  };

  return () => {
    asked = true;
    if (!busy) void run();
  };
}

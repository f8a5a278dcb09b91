import { setTimeout as pause } from 'node:timers/promises';

/** Resolves with what the condition gives as soon as that is truthy. */
export async function until<R>(
  condition: () => R | Promise<R>,
  timeoutMs = 10_000,
): Promise<NonNullable<Exclude<R, false | '' | 0>>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<Exclude<R, false | '' | 0>>;
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${condition.toString()}`);
    await pause(5);
  }
}

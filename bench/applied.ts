import { subscribe } from 'express-prefetch-cache';

const patienceMs = 60_000;

/** Resolves when so many changes have been applied from now on. */
export function everythingApplied(expected: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let applied = 0;
    const timer = setTimeout(() => {
      unsubscribe();
      reject(new Error(`Of ${expected} changes ${applied} were applied in ${patienceMs / 1000} s.`));
    }, patienceMs);
    const unsubscribe = subscribe(
      (event) => {
        applied += event.changes.length;
        if (applied < expected) return;
        clearTimeout(timer);
        unsubscribe();
        resolve();
      },
      ['applied'],
    );
  });
}

import { subscribe } from 'express-prefetch-cache';

/** Resolves when so many changes have been applied from now on. */
export function everythingApplied(expected: number): Promise<void> {
  return new Promise((resolve) => {
    let applied = 0;
    const unsubscribe = subscribe(
      (event) => {
        applied += event.changes.length;
        if (applied < expected) return;
        unsubscribe();
        resolve();
      },
      ['applied'],
    );
  });
}

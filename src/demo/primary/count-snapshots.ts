import type { ChangeSource } from '../../index.js';

/** The same source, which tells of each read of everything. */
export function countSnapshots<R>(source: ChangeSource<R>, onSnapshot: () => void): ChangeSource<R> {
  return {
    name: source.name,
    async open(...given) {
      const session = await source.open(...given);
      const snapshot = session.snapshot.bind(session);
      session.snapshot = (...args) => {
        onSnapshot();
        return snapshot(...args);
      };
      return session;
    },
  };
}

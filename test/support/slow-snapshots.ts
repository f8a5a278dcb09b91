import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeSource, Snapshot, SourceSession } from '../../src/index.js';

const rowsPerPage = 100;

/** The same source, except that it takes its time for each 100 rows of a snapshot. */
export function withSlowSnapshots<R>(source: ChangeSource<R>, pauseMs: number): ChangeSource<R> {
  return {
    name: source.name,
    async open(...opening) {
      const session = await source.open(...opening);
      const snapshot: SourceSession<R>['snapshot'] = async (...given) =>
        slowed(await session.snapshot(...given), pauseMs, given[0]);
      // A proxy, so that what a session may or may not have is what this one has.
      return new Proxy(session, {
        get: (target, name) => {
          if (name === 'snapshot') return snapshot;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
}

function slowed<R>(snapshot: Snapshot<R>, pauseMs: number, signal: AbortSignal): Snapshot<R> {
  if (pauseMs === 0) return snapshot;
  return { ...snapshot, records: slowly(snapshot.records, pauseMs, signal), close: () => snapshot.close() };
}

async function* slowly<R>(
  pages: AsyncIterable<readonly R[]>,
  pauseMs: number,
  signal: AbortSignal,
): AsyncGenerator<readonly R[]> {
  for await (const page of pages) {
    for (let at = 0; at < page.length; at += rowsPerPage) {
      await pause(pauseMs, undefined, { signal });
      yield page.slice(at, at + rowsPerPage);
    }
  }
}

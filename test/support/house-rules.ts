import type { Import } from './module-graph.js';

/** Rooms by the floor they are on. A module of src itself, other than index.ts, is under all floors. */
const floors: Readonly<Record<string, number>> = {
  redis: 1,
  cache: 2,
  sync: 3,
  sources: 3,
  express: 3,
  metrics: 3,
  'index.ts': 4,
  cli: 5,
  demo: 5,
};

/** The contract of a source is in sync/, and is all that a source may know of that room. */
const contractOfSources = 'sync/source.ts';

/** Every kind of source may use it, and it uses none of them. */
const kindForAll = 'loading';

/** What an app imports; the sample app is one. */
const publicEntry = /^(index|sources\/([^/]+|postgres\/outbox)\/index|metrics\/index)\.ts$/;

interface Packages {
  readonly atRunTime: readonly string[];
  readonly asTypes: readonly string[];
}

/** Nobody who only reads should load more than Redis OM, and that in the one room that speaks with it. */
const packagesOf: Readonly<Record<string, Packages>> = {
  redis: { atRunTime: ['redis-om'], asTypes: ['redis-om', 'redis'] },
  cache: { atRunTime: [], asTypes: ['redis-om'] },
  sync: { atRunTime: [], asTypes: ['redis-om'] },
  sources: { atRunTime: [], asTypes: ['redis-om'] },
  express: { atRunTime: [], asTypes: ['redis-om', 'express'] },
};

/** What one kind of source needs, and loads when it is used. */
const packagesOfSource: Readonly<Record<string, Packages>> = {
  postgres: { atRunTime: ['pg'], asTypes: [] },
};

/** What is wrong with the imports of src, one sentence each. */
export function brokenRules(imports: readonly Import[]): string[] {
  return imports.flatMap((found) => {
    const why = found.kind === 'module' ? whyNotModule(found) : whyNotPackage(found);
    return why === undefined ? [] : [`${found.from} imports ${found.to}: ${why}`];
  });
}

function whyNotModule({ from, to }: Import): string | undefined {
  const [room, target] = [roomOf(from), roomOf(to)];
  if (from.startsWith('demo/page/')) {
    return to.startsWith('demo/page/')
      ? undefined
      : 'the page knows the routes of the app and nothing of its code';
  }
  if (room === target && room !== 'sources') return undefined;
  if (room === 'demo') return publicEntry.test(to) ? undefined : 'not a public entry of the library';
  if (room === 'sources' && target === 'sources') {
    return kindOf(from) === kindOf(to) || kindOf(to) === kindForAll
      ? undefined
      : 'one kind of source must not need another';
  }
  if (room === 'sources' && to === contractOfSources) return undefined;
  if (floorOf(target) === 0 && floorOf(room) === 0) return undefined;
  return floorOf(target) < floorOf(room) ? undefined : 'imports run down the floors only';
}

function whyNotPackage({ from, to, typeOnly }: Import): string | undefined {
  const room = roomOf(from);
  if (from.startsWith('demo/page/')) return 'a browser cannot load it';
  if (to.startsWith('node:') || room === 'demo') return undefined;
  const allowed = packagesOf[room];
  if (allowed === undefined) return 'no package is needed here';
  if (room === 'sources' && packagesOfSource[kindOf(from) ?? '']?.atRunTime.includes(to)) return undefined;
  if (allowed.atRunTime.includes(to) || (typeOnly && allowed.asTypes.includes(to))) return undefined;
  return allowed.asTypes.includes(to)
    ? 'only its types are allowed here'
    : 'this package is not allowed here';
}

function roomOf(module: string): string {
  return module.split('/')[0] ?? module;
}

function floorOf(room: string): number {
  const floor = floors[room] ?? (room.endsWith('.ts') ? 0 : undefined);
  if (floor === undefined)
    throw new Error(`The room ${room}/ is on no floor yet: give it one in house-rules.ts`);
  return floor;
}

/** `memory` of `sources/memory/records.ts`. */
function kindOf(module: string): string | undefined {
  return module.split('/')[1];
}

import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { describeSource } from './source-contract.js';
import type { ContractRecord } from './source-reader.js';

describeSource('memory', () => {
  const primary = new MemoryPrimary<ContractRecord>({ records: [] });
  return {
    source: primary,
    forgets: true,
    write: (record) => primary.add(record) || primary.update(record.id, record),
    remove: (id) => primary.delete(id),
    truncate: () => {
      primary.truncate();
    },
    contents: () => primary.list(),
    close: () => undefined,
  };
});

describeSource('memory, slow to read', () => {
  const primary = new MemoryPrimary<ContractRecord>({ records: [], readLatencyMs: 5 });
  return {
    source: primary,
    forgets: true,
    write: (record) => primary.add(record) || primary.update(record.id, record),
    remove: (id) => primary.delete(id),
    truncate: () => {
      primary.truncate();
    },
    contents: () => [...primary.ids()].map((id) => primary.peek(id)!),
    close: () => undefined,
  };
});

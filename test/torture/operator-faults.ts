import type { WorkerProcess } from '../support/worker-process.js';
import { type Fault, type Lane, slowDown, writingCrew } from './fault.js';

/** Not waited for: what comes next may come while it runs. */
const command =
  (name: Parameters<WorkerProcess['send']>[0]): Fault =>
  async ({ fleet, random, note }) => {
    const crew = random.pick(fleet.crews);
    note(`asked of ${crew.name}, ${crew.worker.state}`);
    crew.worker.send(name);
    await Promise.resolve();
  };

/** What people do, and what applications should not. */
export const operatorFaults: Lane = {
  longestPauseMs: 1500,
  faults: {
    reload: command('reload'),
    'reconcile and repair': command('repair'),
    'reload behind a backlog': async (context) => {
      const { changes, random, note } = context;
      const crew = await writingCrew(context);
      note(`by ${crew.name}, ${crew.worker.state}`);
      await slowDown(crew, 200);
      for (let i = 0; i < 8; i++) await changes.change(random.integer(100, 400));
      crew.worker.send(random.chance(0.7) ? 'reload' : 'repair');
      await slowDown(crew, random.integer(1_000, 2_500));
      crew.line.delayReplies(0);
    },
    'clear the cache': async ({ clear, note }) => {
      note('');
      await clear();
    },
    poison: async ({ changes, random, note }) => {
      const count = random.integer(1, 5);
      note(`${count} changes`);
      for (let i = 0; i < count; i++) await changes.poison();
    },
  },
};

/** What a running server can be made to suffer by a command. */
export interface RedisMoods {
  /** Removes everything. */
  flush(): Promise<void>;
  /** Lets the server take that many bytes more, and no more. */
  full(bytes?: number): Promise<void>;
  notFull(): Promise<void>;
  /** Refuses writes as a replica does; what is there stays readable. */
  readOnly(): Promise<void>;
  writable(): Promise<void>;
}

const portOfNobody = '1';

export function redisMoods(ask: (command: readonly string[]) => Promise<unknown>): RedisMoods {
  const tell = async (...command: string[]) => {
    await ask(command);
  };
  return {
    flush: () => tell('FLUSHALL'),
    async full(bytes = 0) {
      const told = (await ask(['INFO', 'memory'])) as string;
      const used = Number(/^used_memory:(\d+)/m.exec(told)?.[1]);
      await tell('CONFIG', 'SET', 'maxmemory', String(used + bytes));
    },
    notFull: () => tell('CONFIG', 'SET', 'maxmemory', '0'),
    readOnly: () => tell('REPLICAOF', '127.0.0.1', portOfNobody),
    writable: () => tell('REPLICAOF', 'NO', 'ONE'),
  };
}

import { randomUUID } from 'node:crypto';
import { CreationPauses } from './creation-pauses.js';

/** Those in this process that read one outbox, for one dataset: others are told by the token that it is not theirs. */
export class Readers {
  readonly token = randomUUID();
  /** An attempt is one for all of them. */
  readonly creationPauses = new CreationPauses();
  readonly #present = new Set<object>();

  enter(session: object): void {
    this.#present.add(session);
  }

  leave(session: object): void {
    this.#present.delete(session);
  }

  /** Nobody else needs what it has applied. */
  isAlone(session: object): boolean {
    return this.#present.size === 1 && this.#present.has(session);
  }
}

import { optionError } from '../errors.js';

/**
 * No colon: an id must never reach into a dataset whose name continues ours (`cache:category` and
 * `cache:category:archive`). No braces: they would choose a cluster slot. No halves of surrogate pairs (Cs): on the way
 * to Redis all of them become the same character.
 */
const defaultIdPattern = /^[^\s\p{Cc}\p{Cs}:{}]{1,256}$/u;

/** Every key name that a dataset uses, and which ids are allowed. */
export class Keys {
  /** `cache:category:`; the id follows. Redis OM's rule. */
  readonly prefix: string;
  /** Says that the dataset is loaded. Expires no later than the first record would. */
  readonly loadNote: string;
  /** The position up to which everything has been applied. */
  readonly checkpoint: string;
  /** There while a reload runs; found after a crash, it means that the load never finished. */
  readonly reloadMark: string;
  /** There while bulkLoad() runs. */
  readonly bulkLoadMark: string;
  /** Held by the one worker that writes; expires when it is not heard of. */
  readonly lease: string;
  /** Changes with every write of the worker: if it is not what the worker left there, Redis lost something. */
  readonly stamp: string;
  /** The same for the pages of a sweep, which may come between its writes. */
  readonly sweep: string;
  /** When, by the server's clock, the worker last followed its source. */
  readonly heartbeat: string;
  /** The changes that could not be applied. */
  readonly deadLetters: string;
  /** Which of them are older than what is applied. */
  readonly supersededLetters: string;
  /** How many changes came, and what became of them. */
  readonly counts: string;
  /** What was written, by whom and why; the oldest is forgotten. */
  readonly journal: string;
  /** What operators want of the worker. */
  readonly commands: string;
  /** What SCAN must match; characters that mean something in a glob are escaped. */
  readonly scanPattern: string;
  readonly #idPattern: RegExp;
  readonly #own: string;

  constructor(name: string, idPattern: RegExp = defaultIdPattern) {
    if (!(idPattern instanceof RegExp) || idPattern.global || idPattern.sticky) {
      throw optionError('idPattern', 'a RegExp without the flags g and y', idPattern);
    }
    this.prefix = `${name}:`;
    this.scanPattern = `${this.prefix.replace(/[*?[\]\\^-]/g, '\\$&')}*`;
    this.#idPattern = idPattern;
    const own = `prefetch:{${name}}:`;
    this.loadNote = `${own}loaded`;
    this.checkpoint = `${own}checkpoint`;
    this.reloadMark = `${own}reloading`;
    this.bulkLoadMark = `${own}bulk-loading`;
    this.lease = `${own}lease`;
    this.stamp = `${own}stamp`;
    this.sweep = `${own}sweep`;
    this.heartbeat = `${own}heartbeat`;
    this.deadLetters = `${own}dead-letters`;
    this.supersededLetters = `${own}superseded-letters`;
    this.counts = `${own}counts`;
    this.journal = `${own}journal`;
    this.commands = `${own}commands`;
    this.#own = own;
  }

  record(id: string): string {
    return this.prefix + id;
  }

  /** Where the worker answers a command. */
  answer(commandId: string): string {
    return `${this.#own}answer:${commandId}`;
  }

  isId(id: unknown): id is string {
    return typeof id === 'string' && this.#idPattern.test(id);
  }

  /** The id in a record's key; undefined for a key that only begins like ours. */
  idOf(key: string): string | undefined {
    const id = key.slice(this.prefix.length);
    return key.startsWith(this.prefix) && this.isId(id) ? id : undefined;
  }
}

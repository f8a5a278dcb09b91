import type { PrimaryPlace } from '../support/worker-sources.js';
import type { Application } from './application.js';
import type { Lane } from './fault.js';

/** The primary of a run: who writes it, how workers reach it, and what can happen to it. */
export interface Primary {
  readonly application: Application;
  /** Where the lines of the workers lead to. */
  readonly port: number;
  /** What can happen to it, and to the lines to it. */
  readonly lanes: Readonly<Record<string, Lane>>;
  /** Which of all lanes come together because of it. */
  readonly bouts: readonly (readonly string[])[];
  /** What a worker has to know that reaches it over a line of its own. */
  placeOver(line: { readonly port: number }): PrimaryPlace;
  close(): Promise<void>;
}

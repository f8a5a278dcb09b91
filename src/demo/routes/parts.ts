import type { PrefetchCache } from '../../index.js';
import type { Category, CategoryLayout } from '../category.js';
import type { Crew } from '../crew.js';
import type { Faults } from '../faults/faults.js';
import type { Primary } from '../primary/primary.js';
import type { VitalSigns } from '../vital-signs.js';

/** What the routes work on. */
export interface DemoParts {
  readonly cache: PrefetchCache<Category>;
  readonly crew: Crew;
  readonly primary: Primary;
  readonly layout: CategoryLayout;
  readonly vitals: VitalSigns;
  /** Undefined when they are switched off. */
  readonly faults: Faults | undefined;
  /** When lookups refuse what is there; undefined for never. */
  readonly maxStalenessMs: number | undefined;
}

import type { SourceWarning } from '../../../sync/source.js';

/** The worker hears first: what the application's own function throws must not end following, nor hide the warning. */
export function warnBoth<Warning extends SourceWarning>(
  worker: (warning: SourceWarning) => void,
  application: (warning: Warning) => void,
): (warning: Warning) => void {
  return (warning) => {
    worker(warning);
    try {
      application(warning);
    } catch (error) {
      process.emitWarning(`onWarning threw ${String(error)}`, 'PrefetchPostgresWarning');
    }
  };
}

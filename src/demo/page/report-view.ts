import { byId, create } from './dom.js';
import { count, milliseconds, plural } from './format.js';
import type { ReconcileReport } from './wire.js';

/** What a comparison with the primary has found. */
export class ReportView {
  readonly #section = byId('report', HTMLElement);
  readonly #summary = byId('report-summary', HTMLParagraphElement);
  readonly #examples = byId('report-examples', HTMLDListElement);

  show(report: ReconcileReport): void {
    const { compared, repaired, refused, elapsedMs, examples } = report;
    const differing = report.missing + report.different + report.orphaned;
    const found =
      differing === 0
        ? 'no difference'
        : `${plural(differing, 'difference')}, ${count(repaired)} of them repaired`;
    const refusals = refused > 0 ? ` Rows of the primary that do not fit the schema: ${count(refused)}.` : '';
    this.#summary.textContent = `${plural(compared, 'record')} compared in ${milliseconds(elapsedMs)}: ${found}.${refusals}`;
    const different = examples.different.map(({ id, fields }) =>
      fields.length > 0 ? `${id} (${fields.join(', ')})` : id,
    );
    this.#examples.replaceChildren(
      ...row('Missing in Redis', report.missing, examples.missing),
      ...row('Different in Redis', report.different, different),
      ...row('Only in Redis', report.orphaned, examples.orphaned),
    );
    this.#section.hidden = false;
  }
}

function row(term: string, total: number, examples: readonly string[]): HTMLElement[] {
  if (total === 0) return [];
  const more = total > examples.length ? ` and ${count(total - examples.length)} more` : '';
  return [create('div', '', create('dt', '', term), create('dd', 'code', examples.join(', ') + more))];
}

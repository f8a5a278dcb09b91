import { joinRows } from './dataset-rows.js';
import { RowView } from './dataset-row.js';
import type { RowAction } from './dataset-row.js';
import { byId, create, setText } from './dom.js';
import { count, plural } from './format.js';
import type { Category, DatasetState } from './wire.js';

const MARK_MS = 5_000;
const LEAVE_MS = 2_500;

export class DatasetView {
  readonly #body = byId('record-rows', HTMLTableSectionElement);
  readonly #heading = byId('records-heading', HTMLHeadingElement);
  readonly #summary = byId('records-summary', HTMLParagraphElement);
  readonly #truncated = byId('records-truncated', HTMLParagraphElement);
  readonly #empty = byId('records-empty', HTMLParagraphElement);
  readonly #differencesOnly = byId('differences-only', HTMLInputElement);
  readonly #knownIds = byId('known-ids', HTMLDataListElement);
  readonly #onAction: (action: RowAction, id: string) => void;
  readonly #views = new Map<string, RowView>();
  readonly #marks = new Map<string, { note: string; timer: number }>();
  #state: DatasetState | undefined;
  #records: readonly Category[] = [];

  constructor(onAction: (action: RowAction, id: string) => void) {
    this.#onAction = onAction;
    this.#differencesOnly.addEventListener('change', () => {
      this.#render();
    });
  }

  show(state: DatasetState, records: readonly Category[]): void {
    this.#state = state;
    this.#records = records;
    this.#render();
  }

  mark(id: string, note: string): void {
    clearTimeout(this.#marks.get(id)?.timer);
    const timer = setTimeout(() => {
      this.#marks.delete(id);
      this.#views.get(id)?.unmark();
    }, MARK_MS);
    this.#marks.set(id, { note, timer });
    this.#views.get(id)?.mark(note);
  }

  #render(): void {
    const state = this.#state;
    if (!state) return;
    const all = joinRows(state, this.#records);
    const shown = this.#differencesOnly.checked
      ? all.filter((row) => row.presence === 'missing' || row.presence === 'orphaned')
      : all;

    let position: Element | null = this.#body.firstElementChild;
    const wanted = new Set(shown.map((row) => row.id));
    for (const row of shown) {
      while (position && !wanted.has((position as HTMLElement).dataset['id'] ?? '')) {
        position = position.nextElementSibling;
      }
      const view = this.#views.get(row.id) ?? this.#enter(row.id);
      if (view.element === position) position = position.nextElementSibling;
      else this.#body.insertBefore(view.element, position);
      view.show(row);
    }
    const stillThere = new Set(all.map((row) => row.id));
    for (const [id, view] of this.#views) if (!wanted.has(id)) this.#depart(id, view, stillThere.has(id));

    this.#summarise(state, shown.length);
    this.#knownIds.replaceChildren(...all.map((row) => optionFor(row.id)));
  }

  #enter(id: string): RowView {
    const view = new RowView(id, this.#onAction);
    this.#views.set(id, view);
    const mark = this.#marks.get(id);
    if (mark) view.mark(mark.note);
    return view;
  }

  #depart(id: string, view: RowView, filteredOut: boolean): void {
    this.#views.delete(id);
    if (view.hasFocus) this.#focusNear(view.element);
    if (filteredOut || !this.#marks.has(id)) {
      view.element.remove();
      return;
    }
    view.leave();
    delete view.element.dataset['id'];
    setTimeout(() => {
      view.element.remove();
    }, LEAVE_MS);
  }

  #focusNear(row: HTMLElement): void {
    const near = row.nextElementSibling ?? row.previousElementSibling;
    const id = near instanceof HTMLElement ? near.dataset['id'] : undefined;
    const view = id === undefined ? undefined : this.#views.get(id);
    if (view) view.focus();
    else this.#heading.focus();
  }

  #summarise(state: DatasetState, shown: number): void {
    setText(
      this.#summary,
      `${plural(state.primaryCount, 'record')} in the primary, ${count(state.cacheCount)} in the cache · ` +
        `${count(state.missingCount)} missing · ${count(state.orphanedCount)} orphaned`,
    );
    const differing = state.missingCount + state.orphanedCount;
    const total = this.#differencesOnly.checked ? differing : state.primaryCount + state.orphanedCount;
    this.#truncated.hidden = shown >= total;
    setText(this.#truncated, `Showing the first ${count(shown)} of ${count(total)}.`);
    this.#empty.hidden = shown > 0;
    setText(
      this.#empty,
      this.#differencesOnly.checked
        ? 'No differences: the cache holds what the primary holds.'
        : 'Neither the primary nor the cache holds a record.',
    );
  }
}

function optionFor(id: string): HTMLOptionElement {
  const option = create('option');
  option.value = id;
  return option;
}

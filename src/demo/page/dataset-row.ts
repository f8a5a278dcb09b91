import type { DatasetRow, Presence } from './dataset-rows.js';
import { create, prefersStillness, setText } from './dom.js';
import { asText } from './format.js';
import type { Category } from './wire.js';

export type RowAction = 'read' | 'edit' | 'invalidate' | 'delete';

const HIGHLIGHT_MS = 2_400;

const presenceWords: Record<Presence, string> = {
  cached: 'in cache',
  missing: 'missing in cache',
  orphaned: 'orphaned in cache',
  unknown: 'not looked up',
};

const actionWords: Record<RowAction, string> = {
  read: 'Read',
  edit: 'Edit',
  invalidate: 'Invalidate',
  delete: 'Delete',
};

export class RowView {
  readonly element = create('tr', 'record');
  readonly #name = create('span', 'record-name');
  readonly #details = create('span', 'record-details');
  readonly #presence = create('span', 'presence');
  readonly #note = create('span', 'change-note');
  readonly #buttons: ReadonlyMap<RowAction, HTMLButtonElement>;

  constructor(id: string, onAction: (action: RowAction, id: string) => void) {
    this.#buttons = new Map(
      (Object.keys(actionWords) as RowAction[]).map((action) => {
        const button = create('button', 'row-button', actionWords[action]);
        button.type = 'button';
        button.setAttribute('aria-label', `${actionWords[action]} ${id}`);
        button.addEventListener('click', () => {
          onAction(action, id);
        });
        return [action, button];
      }),
    );
    const head = create('th', 'code', id);
    head.scope = 'row';
    head.setAttribute('role', 'rowheader');
    const cells = [
      create('td', 'in-primary', this.#name, this.#details),
      create('td', 'in-cache', this.#presence, this.#note),
      create('td', 'row-actions', ...this.#buttons.values()),
    ];
    for (const cell of cells) cell.setAttribute('role', 'cell');
    this.element.setAttribute('role', 'row');
    this.element.dataset['id'] = id;
    this.element.append(head, ...cells);
  }

  get hasFocus(): boolean {
    return this.element.contains(document.activeElement);
  }

  focus(): void {
    this.#buttons.get('read')?.focus();
  }

  show(row: DatasetRow): void {
    this.element.classList.remove('leaving');
    this.element.dataset['presence'] = row.presence;
    setText(this.#presence, presenceWords[row.presence]);
    if (row.presence === 'orphaned') {
      setText(this.#name, 'not in the primary');
      setText(this.#details, '');
    } else {
      setText(this.#name, row.record ? asText(row.record.name) : 'not among those shown');
      setText(this.#details, row.record ? describe(row.record) : '');
    }
    for (const action of ['edit', 'delete'] as const) this.#setDisabled(action, row.presence === 'orphaned');
    this.#setDisabled('invalidate', row.presence === 'missing');
  }

  /** Marks what has just happened to this record until the mark is taken away. */
  mark(note: string): void {
    setText(this.#note, note);
    this.element.classList.add('changed');
    if (prefersStillness()) return;
    const highlighted = [{ backgroundColor: 'var(--highlight)' }, { backgroundColor: 'transparent' }];
    this.element.animate(highlighted, { duration: HIGHLIGHT_MS, easing: 'ease-in' });
  }

  unmark(): void {
    setText(this.#note, '');
    this.element.classList.remove('changed');
  }

  leave(): void {
    this.element.classList.add('leaving');
    setText(this.#presence, 'gone');
    for (const button of this.#buttons.values()) button.disabled = true;
  }

  // A disabled button would drop the keyboard's place when it is the one just pressed.
  #setDisabled(action: RowAction, disabled: boolean): void {
    const button = this.#buttons.get(action);
    if (!button) return;
    if (disabled && button === document.activeElement) this.focus();
    button.disabled = disabled;
  }
}

function describe(record: Category): string {
  const parts = [`order ${record.display_order}`];
  if (String(record.featured) === 'true') parts.push('featured');
  if (record.parent_id !== '') parts.push(`in ${record.parent_id}`);
  return parts.join(' · ');
}

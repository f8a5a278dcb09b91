import { byId } from './dom.js';
import type { Category, CategoryField, Layout } from './wire.js';

interface Writer {
  layout(): Layout;
  record(id: string): Category | undefined;
  update(id: string, fields: Partial<Category>): Promise<boolean>;
  add(record: Category): Promise<boolean>;
}

export class WriteForms {
  readonly #writer: Writer;
  readonly #updateId = byId('update-id', HTMLInputElement);
  readonly #field = byId('update-field', HTMLSelectElement);
  readonly #value = byId('update-value', HTMLInputElement);
  readonly #featured = byId('update-featured', HTMLSelectElement);

  constructor(writer: Writer) {
    this.#writer = writer;
    this.#field.addEventListener('change', () => {
      this.#offerCurrentValue();
    });
    this.#updateId.addEventListener('change', () => {
      this.#offerCurrentValue();
    });
    onSubmit('update-form', () => this.#update());
    onSubmit('add-form', (form) => this.#add(form));
  }

  edit(id: string): void {
    this.#updateId.value = id;
    this.#offerCurrentValue();
    const control = this.#field.value === 'featured' ? this.#featured : this.#value;
    control.focus();
    if (control instanceof HTMLInputElement) control.select();
  }

  #offerCurrentValue(): void {
    const field = this.#field.value as CategoryField;
    const isChoice = field === 'featured';
    this.#value.hidden = isChoice;
    this.#featured.hidden = !isChoice;
    this.#value.inputMode = field === 'display_order' ? 'numeric' : 'text';
    const record = this.#writer.record(this.#updateId.value.trim());
    (isChoice ? this.#featured : this.#value).value = record ? String(record[field]) : isChoice ? 'true' : '';
  }

  #update(): Promise<boolean> {
    const field = this.#field.value as CategoryField;
    const text = field === 'featured' ? this.#featured.value : this.#value.value;
    return this.#writer.update(this.#updateId.value.trim(), {
      [field]: typed(field, text, this.#writer.layout()),
    });
  }

  async #add(form: HTMLFormElement): Promise<boolean> {
    const layout = this.#writer.layout();
    const text = (id: string): string => byId(id, HTMLInputElement).value.trim();
    const featured = String(byId('add-featured', HTMLInputElement).checked);
    const added = await this.#writer.add({
      id: text('add-id'),
      name: text('add-name'),
      display_order: typed('display_order', text('add-order'), layout) as number | string,
      featured: typed('featured', featured, layout) as boolean | string,
      parent_id: text('add-parent'),
    });
    if (added) form.reset();
    return added;
  }
}

/** In the hash layout every field is text; in documents the number and the boolean are what they are. */
function typed(field: CategoryField, text: string, layout: Layout): string | number | boolean {
  if (layout === 'HASH') return text;
  if (field === 'featured') return text === 'true';
  // What is not a number goes to the server as it is, which says what it expects.
  if (field === 'display_order')
    return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
  return text;
}

function onSubmit(id: string, act: (form: HTMLFormElement) => Promise<boolean>): void {
  const form = byId(id, HTMLFormElement);
  let busy = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    form.setAttribute('aria-busy', 'true');
    void act(form).finally(() => {
      busy = false;
      form.removeAttribute('aria-busy');
    });
  });
}

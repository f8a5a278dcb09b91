import { byId, create, setText } from './dom.js';
import { clock, milliseconds, plural } from './format.js';
import type { PrimaryKind, Statement } from './wire.js';

const MOST_STATEMENTS = 50;

const remarks: Record<PrimaryKind, string> = {
  memory: 'The source of truth. No lookup ever asks it, not even after a miss.',
  postgres: 'A table in Postgres, followed by logical replication. No lookup ever asks it.',
};

/** The SQL that changed the primary, where it is a database. */
export class StatementsView {
  readonly #section = byId('sql', HTMLElement);
  readonly #list = byId('statements', HTMLOListElement);
  readonly #remark = byId('primary-remark', HTMLParagraphElement);

  showFor(primary: PrimaryKind): void {
    this.#section.hidden = primary === 'memory';
    setText(this.#remark, remarks[primary]);
  }

  /** @param statements the newest first */
  showAll(statements: readonly Statement[]): void {
    this.#list.replaceChildren(...statements.map(itemFor));
  }

  add(statement: Statement): void {
    this.#list.prepend(itemFor(statement));
    while (this.#list.childElementCount > MOST_STATEMENTS) this.#list.lastElementChild?.remove();
  }
}

function itemFor({ sql, parameters, rows, error, elapsedMs, at }: Statement): HTMLElement {
  const time = create('time', '', clock(new Date(at)));
  time.dateTime = at;
  const measures = [
    rows === undefined ? undefined : plural(rows, 'row'),
    elapsedMs === undefined ? undefined : milliseconds(elapsedMs),
  ];
  const result = create(
    'span',
    'statement-result',
    measures.filter((text) => text !== undefined).join(' · '),
  );
  const item = create('li', '', time, create('pre', 'code', sql), result);
  if (parameters.length > 0) {
    const named = parameters.map((value, n) => create('span', '', `$${n + 1} = ${value}`));
    item.append(create('p', 'parameters code', ...named));
  }
  if (error !== undefined) item.append(create('p', 'statement-error', error));
  return item;
}

/** A command that a database has run, in words for people. */
export interface Statement {
  readonly sql: string;
  /** The values of $1, $2 and so on, as they would be written in SQL. */
  readonly parameters: readonly string[];
  /** How many rows it changed or gave back; absent when it failed. */
  readonly rows?: number;
  readonly error?: string;
  /** Absent when the library has run it. */
  readonly elapsedMs?: number;
  /** As ISO 8601. */
  readonly at: string;
}

const kept = 50;
const mostLetters = 120;

/** The last statements, for the page. */
export class StatementLog {
  #statements: Statement[] = [];
  #tell: (statement: Statement) => void = () => undefined;

  /** The newest first. */
  get latest(): readonly Statement[] {
    return this.#statements.toReversed();
  }

  add(statement: Statement): void {
    this.#statements = [...this.#statements, statement].slice(-kept);
    this.#tell(statement);
  }

  /** From now on this hears of each. */
  tellTo(listener: (statement: Statement) => void): void {
    this.#tell = listener;
  }
}

/** A value as it would be written in SQL; of a long one the beginning. */
export function literalOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return `${value.length} values`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = text.length > mostLetters ? `${text.slice(0, mostLetters)}…` : text;
  return `'${shown.replaceAll("'", "''")}'`;
}

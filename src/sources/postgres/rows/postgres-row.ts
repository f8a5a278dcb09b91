/** The values of a row by column, as texts. Reading one that did not come throws. */
export type PostgresRow = Readonly<Record<string, string | null>>;

export interface Column {
  readonly name: string;
  /** The type, or for a domain the type that is under it. */
  readonly type: number;
  readonly isKey: boolean;
}

/** What rows look like. */
export interface RowLayout {
  /** Those that a record is made of, and the key. */
  readonly columns: readonly Column[];
  /** All that are sent, with the types as the server tells them. */
  readonly published: readonly { readonly name: string; readonly type: number }[];
  /** In the order in which they make the id. */
  readonly key: readonly string[];
}

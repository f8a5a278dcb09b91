/** One thing that looking at a server has to say. */
export interface Finding {
  readonly level: 'problem' | 'warning' | 'done';
  readonly text: string;
  /** What mends it. */
  readonly sql?: string | undefined;
}

/** What was found and done. */
export interface PostgresReport {
  /** Nothing is in the way of a source with these options. */
  readonly isReady: boolean;
  readonly findings: readonly Finding[];
}

export function problem(text: string, sql?: string): Finding {
  return { level: 'problem', text, sql };
}

export function warning(text: string, sql?: string): Finding {
  return { level: 'warning', text, sql };
}

export function reportOf(findings: readonly Finding[]): PostgresReport {
  return { isReady: !findings.some(({ level }) => level === 'problem'), findings };
}

/** The findings as text for people. */
export function textOf(findings: readonly Finding[]): string {
  return findings
    .map(({ text, sql }) => (sql === undefined ? `- ${text}` : `- ${text}\n  ${sql.replace(/;?\s*$/, ';')}`))
    .join('\n');
}

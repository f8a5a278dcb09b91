/** A line of the activity log. */
export interface LogEntry {
  kind: string;
  text: string;
  tone?: 'hit' | 'miss' | 'not-loaded' | 'unavailable' | 'lost';
}

/** Every state that each record ever had in the primary, and what readers saw of them. */
export class Timelines {
  /** What readers must never see: a state that no longer was when another was seen, or that never was. */
  readonly complaints: string[] = [];
  /** How many times a record was seen, or seen to be absent. */
  sightings = 0;
  readonly #states = new Map<string, (string | null)[]>();
  readonly #lastSeen = new Map<string, number>();

  constructor(ids: readonly string[], versionOf: (id: string) => string | null) {
    for (const id of ids) this.#states.set(id, [versionOf(id)]);
  }

  get ids(): string[] {
    return [...this.#states.keys()];
  }

  /** The primary has another state of the record; null when it is gone. */
  became(id: string, version: string | null): void {
    this.#statesOf(id).push(version);
  }

  allGone(): void {
    for (const states of this.#states.values()) states.push(null);
  }

  /** One reader saw this after what it saw before; null when it was told that there is no such record. */
  saw(id: string, version: string | null): void {
    this.sightings++;
    const states = this.#statesOf(id);
    const last = this.#lastSeen.get(id) ?? 0;
    const at = states.indexOf(version, last);
    if (at >= 0) {
      this.#lastSeen.set(id, at);
      return;
    }
    const was = states.includes(version) ? 'was before' : 'never was';
    this.complaints.push(`${id}: ${String(version)} ${was}, after ${String(states[last])}`);
  }

  #statesOf(id: string): (string | null)[] {
    const states = this.#states.get(id);
    if (!states) throw new Error(`There is no record ${id}.`);
    return states;
  }
}

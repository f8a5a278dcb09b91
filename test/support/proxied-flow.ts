import type { Socket } from 'node:net';

/** What a flow suffers, for all connections alike. */
export interface Weather {
  isHeld: boolean;
  delayMs: number;
  /** How many bytes may still come before everything breaks. */
  bytesLeft: number;
}

export function fairWeather(): Weather {
  return { isHeld: false, delayMs: 0, bytesLeft: Infinity };
}

interface Parcel {
  /** Null: the sender will say no more. */
  readonly bytes: Buffer | null;
  readonly dueAt: number;
}

/** What one end of a connection says to the other. What was said arrives, also when who said it is gone meanwhile. */
export class ProxiedFlow {
  readonly #to: Socket;
  readonly #weather: Weather;
  #parcels: Parcel[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isDeaf = false;

  /** @param onUsedUp called with the last bytes that may pass */
  constructor(from: Socket, to: Socket, weather: Weather, onUsedUp: (rest: Buffer) => void) {
    this.#to = to;
    this.#weather = weather;
    from.on('data', (bytes: Buffer) => {
      weather.bytesLeft -= bytes.length;
      if (weather.bytesLeft > 0) this.#take(bytes);
      else onUsedUp(bytes.subarray(0, bytes.length + weather.bytesLeft));
    });
    for (const end of ['end', 'close']) {
      from.on(end, () => {
        this.#take(null);
      });
    }
  }

  /** True when this text is under way. */
  holds(text: string): boolean {
    return Buffer.concat(this.#parcels.map(({ bytes }) => bytes ?? Buffer.alloc(0))).includes(text);
  }

  /** Passes on what is due. To be called when the weather has changed. */
  flush(): void {
    clearTimeout(this.#timer);
    for (let [next] = this.#parcels; next !== undefined && !this.#weather.isHeld; [next] = this.#parcels) {
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.flush();
        }, waitMs);
        return;
      }
      this.#parcels.shift();
      if (this.#to.destroyed) continue;
      if (next.bytes === null) this.#to.end();
      else this.#to.write(next.bytes);
    }
  }

  /** Loses what is under way, and takes nothing more. */
  stop(): void {
    this.#isDeaf = true;
    this.#parcels = [];
    clearTimeout(this.#timer);
  }

  #take(bytes: Buffer | null): void {
    if (this.#isDeaf) return;
    this.#parcels.push({ bytes, dueAt: performance.now() + this.#weather.delayMs });
    this.flush();
  }
}

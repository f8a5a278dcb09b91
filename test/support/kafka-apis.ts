import type { WireWriter } from './kafka-wire.js';

/** From which version on a request has compact lengths, and up to which it is understood. */
export const apis: Readonly<Record<number, { readonly flexible: number; readonly latest: number }>> = {
  1: { flexible: 12, latest: 13 },
  2: { flexible: 6, latest: 6 },
  3: { flexible: 9, latest: 12 },
  9: { flexible: 6, latest: 3 },
  10: { flexible: 3, latest: 1 },
  11: { flexible: 6, latest: 2 },
  12: { flexible: 4, latest: 1 },
  13: { flexible: 4, latest: 1 },
  14: { flexible: 4, latest: 1 },
  18: { flexible: 3, latest: 3 },
};

/** The answer to who asks which versions are understood. */
export function tellApis(version: number, body: WireWriter): void {
  body
    .int16(0)
    .array(Object.entries(apis), ([api, { latest }]) =>
      body.int16(Number(api)).int16(0).int16(latest).tags(),
    );
  if (version > 0) body.int32(0);
  body.tags();
}

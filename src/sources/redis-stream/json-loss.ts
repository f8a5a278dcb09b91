/** Says what of a value would not come back from JSON as it went in; undefined when all of it does. */
export function whyNotJson(
  name: string,
  value: unknown,
  holders: readonly object[] = [],
): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${name} is not a finite number`;
    case 'object':
      return value === null ? undefined : whyNotJsonObject(name, value, holders);
    default:
      return `${name} is ${value === undefined ? 'undefined' : `a ${typeof value}`}`;
  }
}

function whyNotJsonObject(name: string, value: object, holders: readonly object[]): string | undefined {
  if (holders.includes(value)) return `${name} holds itself`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? `${name} is not a valid date` : undefined;
  const inside = [...holders, value];
  if (Array.isArray(value)) {
    return firstOf(
      Array.from(value, (inner, i) => [`${name}[${i}]`, inner]),
      inside,
    );
  }
  if (!isPlain(value)) return `${name} is a ${value.constructor.name}`;
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return firstOf(
    given.map(([key, inner]) => [`${name}.${key}`, inner]),
    inside,
  );
}

function firstOf(values: readonly [string, unknown][], holders: readonly object[]): string | undefined {
  for (const [name, value] of values) {
    const reason = whyNotJson(name, value, holders);
    if (reason) return reason;
  }
  return undefined;
}

/** Of whichever realm: its prototype is none, or one that has none. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

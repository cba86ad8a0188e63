const LONGEST = 80;

/** A value as an error message shows it: short, on one line, and without ever throwing itself. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (typeof value === 'function') return 'a function';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (typeof value === 'object' && value !== null) return describeObject(value);
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

function describeObject(value: object): string {
  const { name } = (value.constructor as { name?: string } | undefined) ?? {};
  if (!name) return 'an object';
  const kind = `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
  if (name !== 'Object' && name !== 'Array') return kind;
  try {
    return shorten(JSON.stringify(value));
  } catch {
    return kind;
  }
}

const shorten = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}…` : text);

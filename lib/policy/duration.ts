/** A time span: milliseconds, or text such as `'1s'`, `'5m'`, `'1h30m'`, `'7d'`, `'250ms'`. */
export type Duration = number | string;

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|d|h|m|s)/g;

/**
 * Ten years: RabbitMQ refuses longer expirations and TTLs, and closes the channel over them
 * (https://www.rabbitmq.com/docs/ttl). No wait of this library needs to be longer.
 */
export const LONGEST_DURATION = 3_650 * UNITS.d;

/**
 * Milliseconds of a duration.
 * @throws {RangeError} for anything that is not a duration from nothing to ten years.
 */
export function milliseconds(duration: Duration): number {
  const total = typeof duration === 'number' ? duration : parse(duration);
  if (!Number.isFinite(total) || total < 0) {
    throw new RangeError(`must be a duration such as 1500, '250ms', '5s' or '1h30m'`);
  }
  if (total > LONGEST_DURATION) throw new RangeError(`must be a duration of at most '3650d'`);
  return Math.round(total);
}

function parse(text: string): number {
  if (typeof text !== 'string' || !WHOLE.test(text)) return Number.NaN;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART))
    total += Number(amount) * UNITS[unit as keyof typeof UNITS];
  return total;
}

/** The shortest text that `milliseconds` reads back as the same number: `90_000` → `'1m30s'`. */
export function durationText(ms: number): string {
  let rest = Math.round(ms);
  let text = '';
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text || '0s';
}

/** Stands for every type beyond the limit, or not on the list. */
export const OTHER_TYPES = 'other';

/**
 * Keeps the label `type` bounded, for every value of a label is a time series that lives for months: the listed types,
 * or the first so many that come.
 */
export class EventTypes {
  private readonly known: Set<string>;
  private readonly limit: number;

  constructor(allowed: readonly string[] | number) {
    this.known = new Set(typeof allowed === 'number' ? [] : allowed);
    this.limit = typeof allowed === 'number' ? allowed : 0;
  }

  label(type: string): string {
    if (this.known.has(type)) return type;
    if (this.known.size >= this.limit) return OTHER_TYPES;
    this.known.add(type);
    return type;
  }
}

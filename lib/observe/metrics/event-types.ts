/** Stands for every type beyond the limit, or not on the list. */
const OTHER_TYPES = 'other';

/**
 * Keeps the label `type` bounded, for every value of a label is a time series that lives for months: the listed types,
 * or the first so many that come.
 */
export class EventTypes {
  private readonly known: Set<string>;
  private readonly limit: number;

  constructor(
    allowed: readonly string[] | number,
    /** Called with each value of the label once, before it is used. */
    private readonly begin: (label: string) => void,
  ) {
    this.known = new Set(typeof allowed === 'number' ? [] : allowed);
    this.limit = typeof allowed === 'number' ? allowed : this.known.size;
    for (const type of this.known) begin(type);
    if (this.isFull) begin(OTHER_TYPES);
  }

  label(type: string): string {
    if (this.known.has(type)) return type;
    if (this.isFull) return OTHER_TYPES;
    this.known.add(type);
    this.begin(type);
    if (this.isFull) this.begin(OTHER_TYPES);
    return type;
  }

  private get isFull(): boolean {
    return this.known.size >= this.limit;
  }
}

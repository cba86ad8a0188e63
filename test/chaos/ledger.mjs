/**
 * What was committed, what arrived, and what was done to whom: and the verdict. Events are numbered from 1 within their
 * key; the emitter tells how many of each it has committed.
 */
export class Ledger {
  /** Key → event → its deliveries. */
  #deliveries = new Map();
  /** Key → the event with the highest number delivered so far. */
  #highest = new Map();
  #committed = new Map();
  #faults = [];
  #began = Date.now();
  inversions = [];
  /** Events that arrived though their transaction was rolled back. */
  phantoms = [];
  /** Different events that have arrived. */
  arrived = 0;
  /** When the last of them did. As all times here, in milliseconds since the ledger was opened. */
  lastArrival = 0;

  get now() {
    return Date.now() - this.#began;
  }

  /** How many events of a key are committed by now. */
  committed(key, count) {
    this.#committed.set(key, count);
  }

  has(key, number) {
    return this.#deliveries.get(key)?.has(number) ?? false;
  }

  /** `emitted`, by the clock of the day, is shown with what is wrong. */
  delivered(key, number, by, emitted = Number.NaN) {
    const at = this.now;
    const delivery = { number, by, at, emitted: emitted - this.#began };
    const ofKey = this.#deliveries.get(key) ?? new Map();
    this.#deliveries.set(key, ofKey);
    const before = ofKey.get(number);
    if (before) return before.push(delivery);
    ofKey.set(number, [delivery]);
    this.arrived++;
    this.lastArrival = at;
    return this.#firstTime(key, delivery);
  }

  /**
   * `by` is whom it was done to. Give it an `end` when it is over. `margin`: milliseconds around it within which what its
   * victim published was in flight: a publish before it was perhaps not on record yet, one after it was on its way.
   */
  fault(kind, by, { margin, end = this.now }) {
    const fault = { kind, by, start: this.now, end, margin };
    this.#faults.push(fault);
    return fault;
  }

  get faults() {
    return this.#faults;
  }

  /** How many events are committed. */
  get events() {
    return [...this.#committed.values()].reduce((sum, count) => sum + count, 0);
  }

  /** How often each kind of fault was made. */
  faultCounts() {
    const counts = {};
    for (const { kind } of this.#faults) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  verdict() {
    const lost = this.#lost();
    const duplicates = this.#duplicates();
    const unexplained = duplicates.filter((duplicate) => !this.#isExplained(duplicate));
    return {
      lost,
      duplicates,
      unexplained: [...unexplained, ...this.phantoms],
      inversions: this.inversions,
    };
  }

  #firstTime(key, delivery) {
    const highest = this.#highest.get(key);
    if (highest && delivery.number < highest.number)
      this.inversions.push({ key, ...delivery, after: highest });
    else this.#highest.set(key, delivery);
  }

  #lost() {
    return [...this.#committed].flatMap(([key, count]) => {
      const ofKey = this.#deliveries.get(key);
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      return numbers.filter((number) => !ofKey?.has(number)).map((number) => ({ key, number }));
    });
  }

  #duplicates() {
    return [...this.#deliveries].flatMap(([key, ofKey]) =>
      [...ofKey]
        .filter(([, deliveries]) => deliveries.length > 1)
        .map(([number, deliveries]) => ({ key, number, deliveries })),
    );
  }

  /** All but one of its deliveries were in flight when something happened to who published them. */
  #isExplained({ deliveries }) {
    const inFlight = deliveries.filter(({ by, at }) =>
      this.#faults.some((fault) => fault.by === by && isAround(fault, at)),
    );
    return inFlight.length >= deliveries.length - 1;
  }
}

const isAround = ({ start, end, margin }, at) => at >= start - margin && at <= end + margin;

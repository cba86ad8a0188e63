import type { DeadEventRef, DeadEvents } from '../../store/dead-events.js';
import type { Criteria } from './criteria.js';
import { PUBLISHING, type DeadLetter } from './dead-letter.js';
import type { DeadLetterReader } from './dead-letter-reader.js';
import type { Place, PlacePage } from './place.js';
import type { Sweep } from './sweep.js';

/** Rows per statement: short enough to hold up nobody. */
const STEP = 500;
const MOST_FOUND = 1_000;

/** The dead rows of the outbox. */
export class OutboxPlace implements Place {
  readonly where = PUBLISHING;

  constructor(
    private readonly events: DeadEvents,
    private readonly reader: DeadLetterReader,
    /** There is something to publish. */
    private readonly wake: () => void,
  ) {}

  async list(criteria: Criteria, after: string | undefined, limit: number): Promise<PlacePage> {
    const found = await this.events.list(criteria, { after, limit: limit + 1 });
    const page = found.slice(0, limit);
    return {
      letters: page.map((event) => this.reader.ofRow(event)),
      next: found.length > limit ? page.at(-1)?.seq : undefined,
    };
  }

  async find(criteria: Criteria): Promise<DeadLetter[]> {
    const found = await this.events.list(criteria, { after: undefined, limit: MOST_FOUND });
    return found.map((event) => this.reader.ofRow(event));
  }

  size(): Promise<number> {
    return this.events.count({});
  }

  count(criteria: Criteria): Promise<number> {
    return this.events.count(criteria);
  }

  /** Once through, in the order of emission: a row that dies again meanwhile is behind us, and one that is new beyond the end. */
  async sweep(criteria: Criteria, sweep: Sweep): Promise<void> {
    const [until, of] = [await this.events.last(), await this.events.count(criteria)];
    if (until === undefined) return;
    let looked = 0;
    for (let after: string | undefined; !sweep.cancelled;) {
      const most = Math.min(STEP, sweep.room(PUBLISHING));
      if (most <= 0) return;
      const page = {
        after,
        until,
        limit: sweep.action === 'purge' ? most : Math.min(most, sweep.throttle.portion),
      };
      const refs = await this.step(criteria, page, sweep);
      if (refs.length === 0) return;
      sweep.done(
        PUBLISHING,
        refs.map(({ id }) => id),
      );
      sweep.progress(PUBLISHING, (looked += refs.length), of);
      after = refs.at(-1)?.seq;
    }
  }

  private async step(
    criteria: Criteria,
    page: Parameters<DeadEvents['requeue']>[1],
    sweep: Sweep,
  ): Promise<DeadEventRef[]> {
    if (sweep.action === 'purge') return this.events.remove(criteria, page);
    await sweep.throttle.take(page.limit, sweep.signal);
    if (sweep.cancelled) return [];
    const refs = await this.events.requeue(criteria, page);
    if (refs.length > 0) this.wake();
    return refs;
  }
}

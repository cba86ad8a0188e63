import type { DeadLetterQueues } from '../../broker/dead-letters.js';
import { InvalidDeadLetterFilterError } from '../../errors/invalid-dead-letter-filter.error.js';
import type { Telling } from '../../lifecycle/lifecycle.js';
import type { ConsumerRegistry } from '../../store/consumer-registry.js';
import type { DeadEvents } from '../../store/dead-events.js';
import type { MessageReader } from '../../consume/payload/message-reader.js';
import { criteriaOf, criteriaOfTarget, isOpen, placesOf, type Criteria } from './criteria.js';
import { cursorOf, cursorText, type Cursor } from './cursor.js';
import { PUBLISHING, type DeadLetter } from './dead-letter.js';
import type { DeadLetterFilter, DeadLetterTarget } from './dead-letter-filter.js';
import { DeadLetterReader } from './dead-letter-reader.js';
import { OutboxPlace } from './outbox-place.js';
import type { KeysThatWait } from './parked-keys.js';
import type { Place } from './place.js';
import { QueuePlace } from './queue-place.js';
import { Sweep, type SweepAction, type SweepOptions, type SweepReport } from './sweep.js';
import { Throttle } from './throttle.js';

export interface ListOptions {
  /** At most so many. Default 50, at most 1000. */
  limit?: number;
  /** `next` of the list before. */
  cursor?: string;
  /** Ends it: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface DeadLetterList {
  readonly letters: readonly DeadLetter[];
  /** Cursor of the next page; `undefined` when this is the last. A page may be short, or empty, and yet have a next one. */
  readonly next: string | undefined;
}

export interface DeadLetterCount {
  /** `'publishing'`, or the queue of a handler. */
  readonly where: string;
  readonly count: number;
}

export interface DeadLettersParts {
  readonly events: DeadEvents;
  readonly queues: DeadLetterQueues;
  readonly parking: KeysThatWait;
  readonly registry: Pick<ConsumerRegistry, 'list'>;
  /** Queues of this process's own handlers. */
  readonly own: () => readonly string[];
  readonly messages: MessageReader;
  readonly lifecycle: Telling;
  /** There is something to publish. */
  readonly wake: () => void;
}

const DEFAULT_LIMIT = 50;
const MOST = 1_000;
const DEFAULT_RATE = 1_000;

/**
 * Events that rest because something went wrong, in one view: those that could not be published, which are rows of the
 * outbox, and those that a handler could not handle, which are messages on its dead-letter queue.
 *
 * The handlers need not run in this process: every process that has some puts them on record in the database.
 */
export class DeadLetters {
  private readonly reader: DeadLetterReader;

  constructor(private readonly parts: DeadLettersParts) {
    this.reader = new DeadLetterReader(parts.messages);
  }

  /**
   * A page of them: first those that died at publishing, then those of each handler's queue, by its name; the oldest
   * first in each. Looking changes nothing: dead letters keep their order, also while others arrive.
   * @throws {InvalidDeadLetterFilterError}
   * @throws {BrokerUnavailableError} when dead letters of handlers are asked for, and RabbitMQ cannot be reached
   * @throws {DeadLettersBusyError} when somebody else holds a queue for long
   */
  async list(filter: DeadLetterFilter & ListOptions = {}): Promise<DeadLetterList> {
    const { limit = DEFAULT_LIMIT, cursor, signal, ...rest } = filter;
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
      throw new InvalidDeadLetterFilterError(`has a "limit" that is no integer from 1 to ${MOST}`);
    const from = cursor === undefined ? undefined : cursorOf(cursor);
    const criteria = criteriaOf(rest);
    const places = await this.places(criteria);
    return this.collect(...remaining(places, from), criteria, limit, signal);
  }

  /**
   * All dead letters of one event: it may rest at several handlers. Empty when there is none. Looks through whole queues, and
   * others have to wait meanwhile.
   * @throws as `list()`
   */
  async get(
    id: string,
    { signal, ...filter }: Pick<DeadLetterFilter, 'where'> & Pick<ListOptions, 'signal'> = {},
  ): Promise<DeadLetter[]> {
    const criteria = criteriaOf({ ...filter, ids: [id] });
    const letters: DeadLetter[] = [];
    for (const place of await this.places(criteria)) letters.push(...(await place.find(criteria, signal)));
    return letters;
  }

  /** How many rest where, places with none included. Looks into no message. */
  async counts(filter: Pick<DeadLetterFilter, 'where'> = {}): Promise<DeadLetterCount[]> {
    const criteria = criteriaOf(filter);
    const counts: DeadLetterCount[] = [];
    for (const place of await this.places(criteria))
      counts.push({ where: place.where, count: await place.size() });
    return counts;
  }

  /**
   * Puts them back, with the same id and all their attempts: rows to be published again, in their old places; messages on
   * the queue of the handler they died at, and on no other. A message is on that queue, confirmed, before its dead letter
   * goes: who is killed meanwhile leaves some twice, and none lost. Those that die during the call are left alone, so it
   * ends.
   * @throws {InvalidDeadLetterFilterError} for a filter that asks for nothing
   */
  requeue(target: DeadLetterTarget, options: SweepOptions = {}): Promise<SweepReport> {
    return this.sweep('requeue', target, options);
  }

  /**
   * Deletes them, for good. What waited behind one for its key goes ahead: to be published, or handled by an ordered handler.
   * @throws {InvalidDeadLetterFilterError} for a filter that asks for nothing
   */
  purge(target: DeadLetterTarget, options: Omit<SweepOptions, 'rate'> = {}): Promise<SweepReport> {
    return this.sweep('purge', target, options);
  }

  private async collect(
    places: readonly Place[],
    position: string | undefined,
    criteria: Criteria,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<DeadLetterList> {
    const letters: DeadLetter[] = [];
    let from = position;
    for (const [index, place] of places.entries()) {
      const page = await place.list(criteria, from, limit - letters.length, signal);
      letters.push(...page.letters);
      if (page.next !== undefined)
        return { letters, next: cursorText({ where: place.where, position: page.next }) };
      const following = places[index + 1];
      if (letters.length >= limit && following)
        return { letters, next: cursorText({ where: following.where, position: undefined }) };
      from = undefined;
    }
    return { letters, next: undefined };
  }

  private async sweep(
    action: SweepAction,
    target: DeadLetterTarget,
    options: SweepOptions,
  ): Promise<SweepReport> {
    const { dryRun = false, rate = DEFAULT_RATE, atMost, signal } = options;
    if (!(rate > 0)) throw new InvalidDeadLetterFilterError('has a "rate" that is not above 0');
    if (Object.values(atMost ?? {}).some((count) => !Number.isInteger(count) || count < 0))
      throw new InvalidDeadLetterFilterError('has an "atMost" with what is no integer from 0 on');
    const criteria = criteriaOfTarget(target);
    const name = action === 'requeue' ? 'requeued' : 'purged';
    const sweep = new Sweep(action, new Throttle(rate), options, (done) => {
      if (!dryRun) this.parts.lifecycle.tell(name, done);
    });
    for (const place of await this.places(criteria)) {
      if (sweep.cancelled) break;
      try {
        if (dryRun) sweep.done(place.where, [], await place.count(criteria, signal));
        else await place.sweep(criteria, sweep);
      } catch (error) {
        // What has been done so far is not undone by it, and the other places have nothing to do with it.
        if (!sweep.cancelled) sweep.problem(place.where, error);
      }
    }
    return sweep.report(dryRun);
  }

  private async places(criteria: Criteria): Promise<Place[]> {
    const known = isOpen(criteria) ? await this.known() : [];
    return placesOf(criteria, known)
      .sort(inOrder)
      .map((where) => this.place(where));
  }

  private async known(): Promise<string[]> {
    const { registry, own, queues } = this.parts;
    const registered = (await registry.list()).map(({ queue }) => queue);
    return [PUBLISHING, ...registered, ...own(), queues.unclaimed];
  }

  private place(where: string): Place {
    const { events, queues, parking, wake } = this.parts;
    return where === PUBLISHING
      ? new OutboxPlace(events, this.reader, wake)
      : new QueuePlace(where, queues, parking, this.reader);
  }
}

/** Publishing comes first, as it does in the life of an event. */
const inOrder = (one: string, other: string): number => {
  if (one === PUBLISHING || other === PUBLISHING) return one === other ? 0 : one === PUBLISHING ? -1 : 1;
  return one < other ? -1 : 1;
};

/** Where a list goes on, also if the place is no longer there. */
function remaining(
  places: readonly Place[],
  from: Cursor | undefined,
): [places: readonly Place[], position: string | undefined] {
  if (!from) return [places, undefined];
  const rest = places.filter(({ where }) => where === from.where || inOrder(where, from.where) > 0);
  return [rest, rest[0]?.where === from.where ? from.position : undefined];
}

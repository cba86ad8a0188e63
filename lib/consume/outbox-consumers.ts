import type { Telling } from '../lifecycle/lifecycle.js';
import { UnknownHandlerError } from '../errors/unknown-handler.error.js';
import type { Consumers, ConsumerState } from './consumers.js';
import type { ParkedKey } from '../store/parking-store.js';
import { keyOf } from './order/key-of.js';
import type { ParkingRoom } from './order/parking-room.js';
import type { QueueConsumer } from './queue-consumer.js';

/** The handlers of this process, at run time. */
export class OutboxConsumers {
  constructor(
    private readonly consumers: Pick<Consumers, 'states' | 'find'>,
    private readonly parking: Pick<ParkingRoom, 'keys' | 'skip'>,
    private readonly lifecycle: Telling,
  ) {}

  /** Each queue this process consumes, and how it stands. */
  get states(): readonly ConsumerState[] {
    return this.consumers.states;
  }

  /**
   * Stops consuming in this process: what runs is finished, what has been delivered and has not begun goes back to its
   * queue, where other replicas find it. Resolves when nothing of it runs any more.
   * @param handler `Class.method`, or the name of a queue; all handlers without it
   * @throws {UnknownHandlerError} when this process consumes no such thing
   */
  async pause(handler?: string): Promise<void> {
    const pausing = this.find(handler).map((consumer) => ({ consumer, paused: consumer.pause('asked') }));
    for (const queue of queuesOf(pausing.map(({ consumer }) => consumer)))
      this.lifecycle.tell('consumer-paused', { queue });
    await Promise.all(pausing.map(({ paused }) => paused));
  }

  /**
   * Consumes again.
   * @param handler as for `pause()`
   * @throws {UnknownHandlerError} when this process consumes no such thing
   */
  resume(handler?: string): void {
    const resumed = this.find(handler).filter((consumer) => consumer.resume('asked'));
    for (const queue of queuesOf(resumed)) this.lifecycle.tell('consumer-resumed', { queue });
  }

  /**
   * Keys of ordered handlers that wait because an event of theirs failed, longest first: what waits, and for what. Counts
   * all of what it tells of.
   * @param handler as for `pause()`
   * @param limit of keys, 100 unless told otherwise
   * @throws {UnknownHandlerError} when this process consumes no such thing
   */
  parked(handler?: string, limit = 100): Promise<readonly ParkedKey[]> {
    const queues = this.find(handler).map(({ queue }) => queue.name);
    return this.parking.keys(queues, limit);
  }

  /**
   * Gives up on the dead event that a key waits for; those behind it are handled. The dead letter stays where it is.
   * Resolves to whether there was a dead event that it waited for.
   * @param handler as for `pause()`
   * @throws {UnknownHandlerError} when this process consumes no such thing
   */
  async skip(handler: string, key: string): Promise<boolean> {
    const known = keyOf({ key }) ?? key;
    const skipped = await Promise.all(
      this.find(handler).map(({ queue }) => this.parking.skip(queue.name, known)),
    );
    return skipped.includes(true);
  }

  private find(handler: string | undefined): readonly QueueConsumer[] {
    const found = this.consumers.find(handler);
    if (handler !== undefined && found.length === 0)
      throw new UnknownHandlerError(
        handler,
        this.states.flatMap((state) => [...state.handlers, state.queue]),
      );
    return found;
  }
}

/** The partitions of a queue are one. */
const queuesOf = (consumers: readonly QueueConsumer[]): Set<string> =>
  new Set(consumers.map(({ queue }) => queue.commonName));

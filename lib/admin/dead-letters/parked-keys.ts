import type { DeadLetterHold, DeadLetterQueues, QueuedDeadLetter } from '../../broker/dead-letters.js';
import type { ParkingStore } from '../../store/parking-store.js';
import type { DeadLetterReader } from './dead-letter-reader.js';
import type { KeysBehind } from './queue-sweep.js';
import { pause } from './throttle.js';

/** Keys of ordered handlers wait for their dead events. */
export type KeysThatWait = Pick<ParkingStore, 'dead' | 'skipEvents'>;

/** How long to look for dead letters that keys wait for, in milliseconds. */
const LONGEST_LOOK = 3_000;
/** RabbitMQ gives back what another operator held a moment after it has said so. */
const A_MOMENT = 250;
const WINDOW = 1_000;

/** Lets the keys of an ordered handler go on whose dead letters are purged, or gone: they would wait for ever. */
export class ParkedKeys implements KeysBehind {
  /** Of those that keys waited for at the beginning: their dead letters have not been met. */
  private readonly unmet: Set<string>;
  /** Their dead letters are gone. */
  private gone: readonly string[] = [];
  private last: readonly string[] = [];

  constructor(
    private readonly where: string,
    private readonly queues: Pick<DeadLetterQueues, 'remind'>,
    private readonly parking: KeysThatWait,
    private readonly reader: DeadLetterReader,
    dead: readonly string[],
    private readonly signal: AbortSignal | undefined,
  ) {
    this.unmet = new Set(dead);
  }

  met(letters: readonly QueuedDeadLetter[]): void {
    if (this.unmet.size > 0) for (const id of this.idsOf(letters)) this.unmet.delete(id);
  }

  /** Before they are deleted: who is killed in between leaves a dead letter, and no key that waits for none. */
  async giveUp(letters: readonly QueuedDeadLetter[]): Promise<void> {
    this.last = this.idsOf(letters);
    await this.goOn(this.last);
  }

  async afterwards(hold: DeadLetterHold | undefined): Promise<void> {
    if (!hold || (await this.meetTheRest(hold))) this.gone = [...this.unmet];
  }

  /** An event that dies a second time has its dead letter a moment before its key waits for it: once more for the last ones. */
  async end(): Promise<void> {
    await this.goOn([...this.last, ...this.gone]);
  }

  /** Whether it came to the end of the queue. */
  private async meetTheRest(hold: DeadLetterHold): Promise<boolean> {
    const deadline = performance.now() + LONGEST_LOOK;
    for (let waited = false; this.unmet.size > 0;) {
      if (this.signal?.aborted || performance.now() > deadline) return false;
      const letters = await hold.next(WINDOW);
      this.met(letters);
      if (letters.length > 0) continue;
      if (waited) return true;
      await pause(A_MOMENT, this.signal);
      waited = true;
    }
    return true;
  }

  private async goOn(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.queues.remind(await this.parking.skipEvents(this.where, ids));
  }

  private idsOf(letters: readonly QueuedDeadLetter[]): string[] {
    return letters.map((letter) => this.reader.identityOf(letter));
  }
}

import type { Delivery } from '../../broker/subscriber.js';
import type { Drain } from '../drain.js';
import type { BatchSize, Handler } from '../handler.js';
import type { OpenedMessage } from '../payload/message-reader.js';

/** A delivery that is to be handled together with others. */
export interface Gathered {
  readonly opened: OpenedMessage;
  readonly delivery: Delivery;
}

/** Collects deliveries of one handler into batches. */
export class Gathering {
  private open: Batch | undefined;

  constructor(
    readonly handler: Handler,
    private readonly limits: BatchSize,
    private readonly drain: Pick<Drain, 'signal'>,
    /** Rejects only if something of ours is broken. */
    private readonly handle: (batch: readonly Gathered[]) => Promise<void>,
  ) {}

  /** Resolves when it is settled. */
  add(gathered: Gathered): Promise<void> {
    // What came on a channel that has gone since cannot be settled any more.
    if (this.open && this.open.items[0]?.delivery.session !== gathered.delivery.session) this.close();
    const batch = (this.open ??= this.begin());
    batch.items.push(gathered);
    if (batch.items.length >= this.limits.size) this.close();
    return batch.settled;
  }

  private begin(): Batch {
    const close = () => this.close();
    const { signal } = this.drain;
    // Nobody waits for more when nothing begins any more.
    signal.addEventListener('abort', close);
    const timer = setTimeout(close, signal.aborted ? 0 : this.limits.wait);
    const items: Gathered[] = [];
    let handle: () => void = () => undefined;
    const settled = new Promise<void>((resolve) => (handle = () => resolve(this.handle(items))));
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', close);
      handle();
    };
    return { items, settled, end };
  }

  private close(): void {
    const { open } = this;
    this.open = undefined;
    open?.end();
  }
}

interface Batch {
  readonly items: Gathered[];
  /** Resolves when all of it is settled. */
  readonly settled: Promise<void>;
  /** It is complete. */
  end(): void;
}

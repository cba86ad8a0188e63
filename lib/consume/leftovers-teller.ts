import type { Logger } from '@nestjs/common';
import type { ConsumerAnnouncement, RegisteredConsumer } from '../store/consumer-registry.js';
import { leftovers, type Binding } from './leftovers.js';

/** How a queue is, this moment. */
export interface QueueDepth {
  readonly messages: number;
  readonly consumers: number;
}

/** `undefined` when there is no such queue, or nobody can tell. */
export type LookAtQueue = (queue: string) => Promise<QueueDepth | undefined>;

/** Warns of what renamed handlers and changed patterns have left on the broker, once each. */
export class LeftoversTeller {
  private readonly told = new Set<string>();

  constructor(
    private readonly lookAt: LookAtQueue,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  async tell(own: readonly ConsumerAnnouncement[], others: readonly RegisteredConsumer[]): Promise<void> {
    const { queues, bindings } = leftovers(own, others);
    for (const binding of bindings) this.once(Object.values(binding).join('\n'), () => this.bound(binding));
    for (const last of queues) {
      const depth = await this.lookAt(last.queue);
      if (depth?.consumers === 0) this.once(last.queue, () => this.abandoned(last, depth));
    }
  }

  private once(what: string, warn: () => void): void {
    if (this.told.has(what)) return;
    this.told.add(what);
    warn();
  }

  private abandoned({ queue, handlers, seenAt }: RegisteredConsumer, { messages }: QueueDepth): void {
    this.logger.warn(
      `Queue "${queue}" goes on receiving events, and no process of this service consumes it since ` +
        `${seenAt.toISOString()}, when ${handlers.join(', ')} did; it holds ${messages}. If a handler was renamed, give it ` +
        `{ queue: '${queue}' }; else delete the queue, and its dead letters.`,
      { queue, messages },
    );
  }

  private bound({ queue, exchange, pattern }: Binding): void {
    this.logger.warn(
      `Queue "${queue}" was bound to exchange "${exchange}" by "${pattern}", which none of its handlers is for any more. ` +
        'Remove that binding, if nobody has yet: what still comes by it is a dead letter.',
      { queue, exchange, pattern },
    );
  }
}

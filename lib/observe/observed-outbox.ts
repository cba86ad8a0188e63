import type { BrokerLinks } from '../broker/link-state.js';
import type { ConsumerState } from '../consume/consumers.js';
import type { Lifecycle } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import type { RelayStats } from '../relay/relay-stats.js';

/** How long what the broker tells of its queues is good for, in milliseconds. */
const QUEUES_MAX_AGE = 10_000;

/** What the optional faces (metrics, tracing, health) get to see of one outbox. */
export class ObservedOutbox {
  private depths: { readonly counts: Promise<ReadonlyMap<string, number>>; readonly at: number } | undefined;

  constructor(
    readonly name: string,
    private readonly parts: {
      readonly options: {
        readonly relay: { readonly enabled: boolean; readonly lanes: number };
        readonly rabbitmq: { readonly exchange: string };
      };
      readonly lifecycle: Lifecycle;
      readonly tracing: TracingSlot;
      readonly relay: { stats(): Promise<RelayStats> };
      readonly broker: {
        readonly links: BrokerLinks;
        countDeadLetters(queue: string): Promise<number | undefined>;
      };
      readonly consumers: { readonly states: readonly ConsumerState[] };
    },
  ) {}

  get lifecycle(): Lifecycle {
    return this.parts.lifecycle;
  }

  /** Where a tracer is put. */
  get tracing(): TracingSlot {
    return this.parts.tracing;
  }

  /** Whether this process relays. */
  get relays(): boolean {
    return this.parts.options.relay.enabled;
  }

  /** The one events go to unless they name another. */
  get exchange(): string {
    return this.parts.options.rabbitmq.exchange;
  }

  /** Up to a second old, and of the database one question at a time. Rejects when the database refuses. */
  stats(): Promise<RelayStats> {
    return this.tracing.untraced(() => this.parts.relay.stats());
  }

  /** How many lanes the keys are shared out over. */
  get lanes(): number {
    return this.parts.options.relay.lanes;
  }

  /**
   * How many messages are on the dead-letter queues of the handlers of this process, by queue: up to ten seconds old.
   * Missing is what the broker does not tell.
   */
  deadLetters(): Promise<ReadonlyMap<string, number>> {
    const now = performance.now();
    if (!this.depths || now - this.depths.at >= QUEUES_MAX_AGE)
      this.depths = { counts: this.tracing.untraced(() => this.countDeadLetters()), at: now };
    return this.depths.counts;
  }

  /** One queue after the other: each takes a channel. */
  private async countDeadLetters(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const { queue } of this.consumers) {
      const count = await this.parts.broker.countDeadLetters(queue);
      if (count !== undefined) counts.set(queue, count);
    }
    return counts;
  }

  get links(): BrokerLinks {
    return this.parts.broker.links;
  }

  /** The queues this process consumes, or is to consume. */
  get consumers(): readonly ConsumerState[] {
    return this.parts.consumers.states;
  }
}

import type { BrokerLinks } from '../broker/link-state.js';
import type { ConsumerState } from '../consume/consumers.js';
import type { Lifecycle } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import type { RelayStats } from '../relay/relay-stats.js';

/** What the optional faces (metrics, tracing, health) get to see of one outbox. */
export class ObservedOutbox {
  constructor(
    readonly name: string,
    private readonly parts: {
      readonly options: {
        readonly relay: { readonly enabled: boolean };
        readonly rabbitmq: { readonly exchange: string };
      };
      readonly lifecycle: Lifecycle;
      readonly tracing: TracingSlot;
      readonly relay: { stats(): Promise<RelayStats> };
      readonly broker: { readonly links: BrokerLinks };
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

  get links(): BrokerLinks {
    return this.parts.broker.links;
  }

  /** The queues this process consumes, or is to consume. */
  get consumers(): readonly ConsumerState[] {
    return this.parts.consumers.states;
  }
}

import type { BrokerLinks } from '../broker/link-state.js';
import type { ConsumerState } from '../consume/consumers.js';
import type { Lifecycle } from '../lifecycle/lifecycle.js';
import type { RelayStats } from '../relay/relay-stats.js';

/** What the optional faces (metrics, tracing, health) get to see of one outbox. */
export class ObservedOutbox {
  constructor(
    readonly name: string,
    readonly lifecycle: Lifecycle,
    /** Whether this process relays. */
    readonly relays: boolean,
    private readonly parts: {
      readonly relay: { stats(): Promise<RelayStats> };
      readonly broker: { readonly links: BrokerLinks };
      readonly consumers: { readonly states: readonly ConsumerState[] };
    },
  ) {}

  /** Rejects when the database does not answer. */
  stats(): Promise<RelayStats> {
    return this.parts.relay.stats();
  }

  get links(): BrokerLinks {
    return this.parts.broker.links;
  }

  /** The queues this process consumes, or is to consume. */
  get consumers(): readonly ConsumerState[] {
    return this.parts.consumers.states;
  }
}

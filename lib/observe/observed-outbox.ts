import type { BrokerLinks } from '../broker/link-state.js';
import type { ConsumerState } from '../consume/consumers.js';
import type { Lifecycle } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import type { RelayStats } from '../relay/relay-stats.js';

/** Milliseconds. */
const MAX_AGE = 1_000;

/** What the optional faces (metrics, tracing, health) get to see of one outbox. */
export class ObservedOutbox {
  private asking: Promise<RelayStats> | undefined;
  private last: { readonly stats: RelayStats; readonly at: number } | undefined;

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

  /**
   * At most a second old: scrapes and probes come from everywhere, and all at once. Rejects when the database refuses.
   * One question at a time: to a database that does not answer, each of them would add another, until they hold all of
   * the relay's connections.
   */
  stats(): Promise<RelayStats> {
    const { last } = this;
    if (last && performance.now() - last.at < MAX_AGE) return Promise.resolve(last.stats);
    this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  private async ask(): Promise<RelayStats> {
    const stats = await this.tracing.untraced(() => this.parts.relay.stats());
    this.last = { stats, at: performance.now() };
    return stats;
  }

  get links(): BrokerLinks {
    return this.parts.broker.links;
  }

  /** The queues this process consumes, or is to consume. */
  get consumers(): readonly ConsumerState[] {
    return this.parts.consumers.states;
  }
}

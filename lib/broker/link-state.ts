/** How a process stands with the broker on one of its connections. `'unused'`: it has no need of it. */
export type LinkState = 'connected' | 'blocked' | 'disconnected' | 'unused';

/** A process publishes on one connection and consumes on another. */
export interface BrokerLinks {
  readonly publisher: LinkState;
  readonly consumer: LinkState;
}

/** An exchange, as it has to be. */
export interface ExchangeDefinition {
  readonly name: string;
  readonly type: 'topic' | 'direct' | 'fanout';
  readonly arguments: Readonly<Record<string, string>>;
}

/** A queue, as it has to be. */
export interface QueueDefinition {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/** What goes from an exchange to a queue. */
export interface BindingDefinition {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
}

/** Exchanges, queues and bindings that belong together. All of them are durable. */
export interface Topology {
  readonly exchanges: readonly ExchangeDefinition[];
  readonly queues: readonly QueueDefinition[];
  readonly bindings: readonly BindingDefinition[];
}

/** All of several, each thing once, in order: what others refer to comes before them. */
export function together(...parts: readonly Topology[]): Topology {
  return {
    exchanges: distinct(
      parts.flatMap(({ exchanges }) => exchanges),
      ({ name }) => name,
    ),
    queues: distinct(
      parts.flatMap(({ queues }) => queues),
      ({ name }) => name,
    ),
    bindings: distinct(
      parts.flatMap(({ bindings }) => bindings),
      ({ exchange, queue, routingKey }) => JSON.stringify([exchange, queue, routingKey]),
    ),
  };
}

function distinct<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

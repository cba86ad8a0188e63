import type { Topology } from './definitions.js';
import type { Permissions } from './permissions.js';

/** What `rabbitmqctl import_definitions` and the management page take. */
export interface RabbitDefinitions {
  readonly exchanges: ReadonlyArray<{
    readonly name: string;
    readonly vhost: string;
    readonly type: string;
    readonly durable: true;
    readonly auto_delete: false;
    readonly internal: false;
    readonly arguments: object;
  }>;
  readonly queues: ReadonlyArray<{
    readonly name: string;
    readonly vhost: string;
    readonly durable: true;
    readonly auto_delete: false;
    readonly arguments: object;
  }>;
  readonly bindings: ReadonlyArray<{
    readonly source: string;
    readonly vhost: string;
    readonly destination: string;
    readonly destination_type: 'queue' | 'exchange';
    readonly routing_key: string;
    readonly arguments: object;
  }>;
  readonly permissions?: ReadonlyArray<Permissions & { readonly user: string; readonly vhost: string }>;
}

export const exported = (
  { exchanges, queues, bindings, links }: Topology,
  vhost: string,
): RabbitDefinitions => ({
  exchanges: exchanges.map(({ name, type, arguments: args }) => ({
    name,
    vhost,
    type,
    durable: true,
    auto_delete: false,
    internal: false,
    arguments: args,
  })),
  queues: queues.map(({ name, arguments: args }) => ({
    name,
    vhost,
    durable: true,
    auto_delete: false,
    arguments: args,
  })),
  bindings: [
    ...bindings.map(({ exchange, queue, routingKey }) =>
      binding(exchange, 'queue', queue, routingKey, vhost),
    ),
    ...links.map(({ from, to, routingKey }) => binding(from, 'exchange', to, routingKey, vhost)),
  ],
});

const binding = (
  source: string,
  destination_type: 'queue' | 'exchange',
  destination: string,
  routing_key: string,
  vhost: string,
) => ({ source, vhost, destination, destination_type, routing_key, arguments: {} });

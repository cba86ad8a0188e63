/** A type that RabbitMQ knows only with its plugin. */
export const CONSISTENT_HASH = 'x-consistent-hash';

/** An exchange, as it has to be. */
export interface ExchangeDefinition {
  readonly name: string;
  readonly type: 'topic' | 'direct' | 'fanout' | typeof CONSISTENT_HASH;
  readonly arguments: Readonly<Record<string, string>>;
}

/** A queue, as it has to be. */
export interface QueueDefinition {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  /** Belongs to the connection that declares it, and is gone with it. Others are durable. */
  readonly exclusive?: true;
}

/** What goes from an exchange to a queue. */
export interface BindingDefinition {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
}

/** What goes from an exchange to another. */
export interface LinkDefinition {
  readonly from: string;
  readonly to: string;
  readonly routingKey: string;
}

/** Exchanges, queues and bindings that belong together. */
export interface Topology {
  /** Exchanges of somebody else: they are bound to, and have to be there. */
  readonly foreign: readonly string[];
  readonly exchanges: readonly ExchangeDefinition[];
  readonly queues: readonly QueueDefinition[];
  readonly bindings: readonly BindingDefinition[];
  /** Made last: nothing comes before it can be spread over all that is bound. */
  readonly links: readonly LinkDefinition[];
  /** Queues of `of` that must not be there any more. */
  readonly obsolete: ReadonlyArray<{ readonly name: string; readonly of: string }>;
}

/** All of several, each thing once, in order: what others refer to comes before them. */
export function together(...parts: readonly Topology[]): Topology {
  return {
    foreign: distinct(
      parts.flatMap(({ foreign }) => foreign),
      (name) => name,
    ),
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
    links: distinct(
      parts.flatMap(({ links }) => links),
      ({ from, to, routingKey }) => JSON.stringify([from, to, routingKey]),
    ),
    obsolete: distinct(
      parts.flatMap(({ obsolete }) => obsolete),
      ({ name }) => name,
    ),
  };
}

/** What nobody can provide beforehand, because it belongs to one connection; and what can be provided. */
export function divide({ queues, bindings, ...rest }: Topology): { lasting: Topology; fleeting: Topology } {
  const own = new Set(queues.filter(({ exclusive }) => exclusive).map(({ name }) => name));
  const isOwn = (name: string) => own.has(name);
  return {
    lasting: {
      ...rest,
      queues: queues.filter(({ name }) => !isOwn(name)),
      bindings: bindings.filter(({ queue }) => !isOwn(queue)),
    },
    fleeting: {
      ...NOTHING,
      queues: queues.filter(({ name }) => isOwn(name)),
      bindings: bindings.filter(({ queue }) => isOwn(queue)),
    },
  };
}

export const NOTHING: Topology = {
  foreign: [],
  exchanges: [],
  queues: [],
  bindings: [],
  links: [],
  obsolete: [],
};

function distinct<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

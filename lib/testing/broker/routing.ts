import { isDeepStrictEqual } from 'node:util';
import { ConsistentHashRouter } from './consistent-hash.js';
import type { Message } from './message.js';
import type { Table } from './methods.js';
import type { Binding, Router } from './router.js';
import { TopicTrie } from './topic.js';

export type { Binding, Router } from './router.js';

export const EXCHANGE_TYPES = ['direct', 'fanout', 'topic', 'headers', 'x-consistent-hash'] as const;
export type ExchangeType = (typeof EXCHANGE_TYPES)[number];

export function routerFor<Destination>(type: ExchangeType, args: Table): Router<Destination> {
  switch (type) {
    case 'direct':
      return new DirectRouter();
    case 'topic':
      return new TopicRouter();
    case 'fanout':
      return new ListRouter(() => true);
    case 'headers':
      return new ListRouter((binding, message) => headersMatch(binding.arguments, message.headers));
    case 'x-consistent-hash':
      return new ConsistentHashRouter(args);
  }
}

class ListRouter<Destination> implements Router<Destination> {
  readonly #bindings = new Set<Binding<Destination>>();

  constructor(private readonly matches: (binding: Binding<Destination>, message: Message) => boolean) {}

  add(binding: Binding<Destination>): void {
    this.#bindings.add(binding);
  }

  remove(binding: Binding<Destination>): void {
    this.#bindings.delete(binding);
  }

  match(message: Message): Binding<Destination>[] {
    return [...this.#bindings].filter((binding) => this.matches(binding, message));
  }
}

class DirectRouter<Destination> implements Router<Destination> {
  readonly #byKey = new Map<string, Set<Binding<Destination>>>();

  add(binding: Binding<Destination>): void {
    const bindings = this.#byKey.get(binding.routingKey) ?? new Set();
    this.#byKey.set(binding.routingKey, bindings.add(binding));
  }

  remove(binding: Binding<Destination>): void {
    const bindings = this.#byKey.get(binding.routingKey);
    bindings?.delete(binding);
    if (bindings?.size === 0) this.#byKey.delete(binding.routingKey);
  }

  match(message: Message): Binding<Destination>[] {
    return message.routingKeys.flatMap((key) => [...(this.#byKey.get(key) ?? [])]);
  }
}

class TopicRouter<Destination> implements Router<Destination> {
  readonly #trie = new TopicTrie<Binding<Destination>>();

  add(binding: Binding<Destination>): void {
    this.#trie.add(binding.routingKey, binding);
  }

  remove(binding: Binding<Destination>): void {
    this.#trie.remove(binding.routingKey, binding);
  }

  match(message: Message): Set<Binding<Destination>> {
    const found = new Set<Binding<Destination>>();
    for (const key of message.routingKeys) this.#trie.collect(key, found);
    return found;
  }
}

/** Every argument must match, or any; those that begin with `x-` count only under the two `-with-x` modes. */
function headersMatch(wanted: Table, headers: Table): boolean {
  const { 'x-match': mode = 'all' } = wanted as { 'x-match'?: string };
  const counts = (name: string) => name !== 'x-match' && (mode.endsWith('-with-x') || !name.startsWith('x-'));
  const matches = ([name, value]: [string, unknown]) =>
    name in headers && (value === null || isDeepStrictEqual(value, headers[name]));
  const criteria = Object.entries(wanted).filter(([name]) => counts(name));
  return mode.startsWith('any') ? criteria.some(matches) : criteria.every(matches);
}

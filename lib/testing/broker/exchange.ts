import { isDeepStrictEqual } from 'node:util';
import type { Message } from './message.js';
import type { Table } from './methods.js';
import { Queue } from './queue.js';
import type { Binding, ExchangeType, Router } from './routing.js';
import { routerFor } from './routing.js';

export interface ExchangeDeclaration {
  name: string;
  type: ExchangeType;
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  arguments: Table;
}

export type Destination = Queue | Exchange;

/** An exchange and the bindings that leave it. */
export class Exchange {
  readonly name: string;
  #bindings: Binding<Destination>[] = [];
  readonly #router: Router<Destination>;

  constructor(readonly declared: ExchangeDeclaration) {
    this.name = declared.name;
    this.#router = routerFor(declared.type, declared.arguments);
  }

  get bindings(): readonly Binding<Destination>[] {
    return this.#bindings;
  }

  get alternate(): string | undefined {
    return this.declared.arguments['alternate-exchange'] as string | undefined;
  }

  /** The same binding made twice is one binding; its arguments are part of what makes it the same. */
  bind(binding: Binding<Destination>): void {
    if (this.#find(binding)) return;
    this.#bindings.push(binding);
    this.#router.add(binding);
  }

  /** False when there was no such binding. */
  unbind(binding: Binding<Destination>): boolean {
    const found = this.#find(binding);
    if (found) this.#remove(found);
    return found !== undefined;
  }

  /** Forgets a queue or exchange that is gone. False when nothing was bound to it. */
  forget(destination: Destination): boolean {
    const found = this.#bindings.filter((binding) => binding.destination === destination);
    found.forEach((binding) => this.#remove(binding));
    return found.length > 0;
  }

  match(message: Message): Set<Destination> {
    const found = new Set<Destination>();
    for (const { destination } of this.#router.match(message)) found.add(destination);
    return found;
  }

  #find(wanted: Binding<Destination>): Binding<Destination> | undefined {
    return this.#bindings.find(
      (binding) =>
        binding.destination === wanted.destination &&
        binding.routingKey === wanted.routingKey &&
        isDeepStrictEqual(binding.arguments, wanted.arguments),
    );
  }

  #remove(binding: Binding<Destination>): void {
    this.#bindings = this.#bindings.filter((other) => other !== binding);
    this.#router.remove(binding);
  }
}

/** The queues a message reaches from an exchange, over bindings between exchanges and alternate exchanges. */
export function reach(
  from: Exchange,
  message: Message,
  find: (name: string) => Exchange | undefined,
): Set<Queue> {
  const queues = new Set<Queue>();
  const seen = new Set([from]);
  for (const exchange of seen) {
    const matched = exchange.match(message);
    const alternate = matched.size === 0 && exchange.alternate !== undefined && find(exchange.alternate);
    for (const destination of alternate ? [alternate] : matched) {
      if (destination instanceof Queue) queues.add(destination);
      else seen.add(destination);
    }
  }
  return queues;
}

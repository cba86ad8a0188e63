import { createHash } from 'node:crypto';
import type { Message } from './message.js';
import type { Table } from './methods.js';
import type { Binding, Router } from './router.js';

/**
 * What RabbitMQ's plugin `rabbitmq_consistent_hash_exchange` adds: each message goes to one of what is bound, and those of
 * one routing key, or with one value of the header that `hash-header` names, to the same. A binding's routing key is its
 * weight. Which one that is, RabbitMQ decides by another function.
 */
export class ConsistentHashRouter<Destination> implements Router<Destination> {
  readonly #bindings: Binding<Destination>[] = [];

  constructor(private readonly args: Table) {}

  add(binding: Binding<Destination>): void {
    this.#bindings.push(binding);
  }

  remove(binding: Binding<Destination>): void {
    this.#bindings.splice(this.#bindings.indexOf(binding), 1);
  }

  /** Rendezvous hashing: what is added or removed moves no message between the others. */
  match(message: Message): Binding<Destination>[] {
    const hashed = JSON.stringify(this.#hashed(message)) ?? '';
    const scored = this.#bindings.map((binding, index) => ({
      binding,
      score: score(binding, index, hashed),
    }));
    const best = scored.reduce<(typeof scored)[number] | undefined>(
      (best, one) => (best && best.score >= one.score ? best : one),
      undefined,
    );
    return best ? [best.binding] : [];
  }

  #hashed({ headers, routingKey }: Message): unknown {
    const header = this.args['hash-header'];
    return typeof header === 'string' ? headers[header] : routingKey;
  }
}

function score({ destination, routingKey }: Binding<unknown>, index: number, hashed: string): number {
  const { name = String(index) } = destination as { name?: string };
  const bytes = createHash('sha256').update(`${name}\0${hashed}`).digest();
  // A number in (0, 1], the better the more weight it has.
  return ((bytes.readUInt32BE() + 1) / 2 ** 32) ** (1 / Number(routingKey));
}

/** A weight is all that a routing key can be here. */
export const isWeight = (routingKey: string): boolean => /^[1-9]\d*$/.test(routingKey);

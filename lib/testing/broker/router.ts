import type { Message } from './message.js';
import type { Table } from './methods.js';

export interface Binding<Destination> {
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: Table;
}

/** How an exchange of one type finds the bindings a message matches. */
export interface Router<Destination> {
  add(binding: Binding<Destination>): void;
  remove(binding: Binding<Destination>): void;
  match(message: Message): Iterable<Binding<Destination>>;
}

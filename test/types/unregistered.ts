/**
 * What the compiler must allow and refuse while nothing is registered: every type, with every payload. Compiled by
 * test/event/registry.spec.ts, and with everything else. Never run.
 */
import {
  OnEvent,
  OutboxEvent,
  type EventContext,
  type EventToEmit,
  type EventType,
  type OutboxService,
} from 'nestjs-rabbitmq-outbox';
import type { EntityManager } from 'typeorm';

@OutboxEvent('order.shipped', { version: 2, key: (event: Shipped) => event.id })
class Shipped {
  constructor(readonly id: string) {}
}

declare const outbox: OutboxService;
declare const manager: EntityManager;
declare const text: string;

export const type: EventType = text;

export const emitting = [
  outbox.emit(manager, 'order.placed', { id: '1' }),
  outbox.emit(manager, text, null, { key: '1' }),
  outbox.emit('anything.at.all', Buffer.from('x')),
  outbox.emit(manager, new Shipped('1')),
  outbox.emit(new Shipped('1')),
  outbox.emitMany(manager, [{ type: text, payload: 1, delay: 5 }, new Shipped('1')]),
  outbox.emitMany([1, 2].map((id) => ({ type: 'order.placed', payload: { id }, key: String(id) }))),
  outbox.emitMany(manager, [{ type: 'order.placed', payload: 1 }] satisfies EventToEmit[]),

  // @ts-expect-error no payload
  outbox.emit(manager, 'order.placed'),
  // @ts-expect-error no such option
  outbox.emit(manager, 'order.placed', {}, { routingKey: 'x' }),
  // @ts-expect-error a type is text
  outbox.emit(manager, 7, {}),
  // @ts-expect-error no such option
  outbox.emitMany(manager, [{ type: 'order.placed', payload: 1, routingKey: 'x' }]),
];

export class Handlers {
  @OnEvent('order.*')
  some(_payload: { id: string }, _context: EventContext): void {}

  @OnEvent(['#', 'a.*'])
  all(_payload: unknown): void {}

  @OnEvent(text)
  computed(): void {}

  @OnEvent(Shipped)
  ofAClass(_event: Shipped): void {}

  // @ts-expect-error an event class brings its instances' data
  @OnEvent(Shipped)
  wrongClass(_event: Date): void {}
}

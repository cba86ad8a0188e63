/**
 * What the compiler must allow and refuse once an application has registered its events. Merging is global, so this
 * file is a program of its own (tsconfig.json beside it), compiled by test/event/registry.spec.ts. Never run.
 */
import { Ctx, Payload } from '@nestjs/microservices';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  type EventBatch,
  OnEvent,
  OnOutboxEvent,
  OutboxEvent,
  type EventContext,
  type EventToEmit,
  type EventType,
  type Matching,
  type OutboxService,
  type PayloadOf,
} from 'nestjs-rabbitmq-outbox';
import type { EntityManager, QueryRunner } from 'typeorm';

interface OrderPlaced {
  id: string;
  price: number;
}

interface OrderShipped {
  id: string;
  truck: string;
}

interface UserInvited {
  userId: string;
}

declare module 'nestjs-rabbitmq-outbox' {
  interface OutboxEvents {
    'order.placed': OrderPlaced;
    'order.shipped': OrderShipped;
    'user.account.invited': UserInvited;
    'stock.counted': Uint8Array;
  }
}

/** Fails to compile unless both are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare const same: <A, B>(answer: Same<A, B>) => void;

same<EventType, 'order.placed' | 'order.shipped' | 'user.account.invited' | 'stock.counted'>(true);
same<PayloadOf<'order.placed'>, OrderPlaced>(true);
same<Matching<'order.placed'>, 'order.placed'>(true);
same<Matching<'order.*'>, 'order.placed' | 'order.shipped'>(true);
same<Matching<'*.*'>, 'order.placed' | 'order.shipped' | 'stock.counted'>(true);
same<Matching<'*.account.*'>, 'user.account.invited'>(true);
same<Matching<'user.#'>, 'user.account.invited'>(true);
same<Matching<'user.account.invited.#'>, 'user.account.invited'>(true);
same<Matching<'#.shipped'>, 'order.shipped'>(true);
same<Matching<'#'>, EventType>(true);
same<Matching<'*'>, never>(true);
same<Matching<'order.*.#.*'>, never>(true);

@OutboxEvent('order.shipped', { key: (event: Shipped) => event.id })
class Shipped implements OrderShipped {
  constructor(
    readonly id: string,
    readonly truck: string,
  ) {}
}

// @ts-expect-error no event of that type is registered
@OutboxEvent('order.shiped')
export class Misspelt {}

// @ts-expect-error the key is taken from another class
@OutboxEvent('order.placed', { key: (event: Shipped) => event.truck })
export class NoTruck {
  readonly id = '1';
}

declare const Coerced: StandardSchemaV1<unknown, { id: bigint }>;
declare const outbox: OutboxService;
declare const manager: EntityManager;
declare const runner: QueryRunner;
declare const placed: OrderPlaced;
declare const given: Array<{ type: 'order.placed'; payload: OrderPlaced }>;
declare const instances: object[];

export const emitting = [
  outbox.emit(manager, 'order.placed', placed),
  outbox.emit(runner, 'order.placed', { id: '1', price: 5 }, { key: '1', delay: '5m' }),
  outbox.emit('order.placed', placed),
  outbox.emit('stock.counted', Buffer.from('x')),
  outbox.emit(manager, new Shipped('1', 't')),
  outbox.emit(new Shipped('1', 't'), { key: '2' }),

  // @ts-expect-error no such type
  outbox.emit(manager, 'order.plaecd', placed),
  // @ts-expect-error no such type, in the surrounding transaction
  outbox.emit('order.plaecd', placed),
  // @ts-expect-error payload of another type
  outbox.emit(manager, 'order.shipped', placed),
  // @ts-expect-error payload of another type, in the surrounding transaction
  outbox.emit('order.shipped', placed),
  // @ts-expect-error the price is missing
  outbox.emit(manager, 'order.placed', { id: '1' }),
  // @ts-expect-error the price is text
  outbox.emit(manager, 'order.placed', { id: '1', price: '5' }),
  // @ts-expect-error no payload
  outbox.emit(manager, 'order.placed'),
  // @ts-expect-error no payload, in the surrounding transaction
  outbox.emit('order.placed'),
  // @ts-expect-error no such option
  outbox.emit(manager, 'order.placed', placed, { routingKey: 'x' }),
  // @ts-expect-error an option of the wrong kind
  outbox.emit(manager, 'order.placed', placed, { key: 7 }),
  // @ts-expect-error no such option, with an event class
  outbox.emit(manager, new Shipped('1', 't'), { routingKey: 'x' }),
  // @ts-expect-error options in the place of the event
  outbox.emit(manager, 'order.placed', { key: '1' }),
];

export const emittingMany = [
  outbox.emitMany(manager, [{ type: 'order.placed', payload: placed, key: '1' }]),
  outbox.emitMany(runner, [{ type: 'order.placed', payload: placed }, new Shipped('1', 't')]),
  outbox.emitMany([new Shipped('1', 't'), { type: 'stock.counted', payload: Buffer.from('x') }]),
  outbox.emitMany(manager, given),
  outbox.emitMany(manager, instances),
  outbox.emitMany(manager, [] satisfies EventToEmit[]),

  // @ts-expect-error no such type
  outbox.emitMany(manager, [{ type: 'order.plaecd', payload: placed }]),
  // @ts-expect-error no such type, in the surrounding transaction
  outbox.emitMany([{ type: 'order.plaecd', payload: placed }]),
  // @ts-expect-error payload of another type
  outbox.emitMany(manager, [{ type: 'order.shipped', payload: placed }]),
  // @ts-expect-error payload of another type beside a good one
  outbox.emitMany(manager, [new Shipped('1', 't'), { type: 'order.shipped', payload: placed }]),
  // @ts-expect-error no such option
  outbox.emitMany(manager, [{ type: 'order.placed', payload: placed, routingKey: 'x' }]),
  // @ts-expect-error an event that is not in a list
  outbox.emitMany(manager, new Shipped('1', 't')),
];

export class Handlers {
  @OnEvent('order.placed')
  exact(_order: OrderPlaced, _context: EventContext): void {}

  @OnOutboxEvent('order.placed')
  byAnotherName(_order: OrderPlaced): void {}

  @OnEvent('order.placed')
  ofAPart({ price }: { price: number }): number {
    return price;
  }

  @OnEvent('order.placed')
  async withoutParameters(): Promise<void> {}

  @OnEvent('order.placed')
  ofAnything(_order: unknown): void {}

  @OnEvent('order.*')
  ofSeveral(order: OrderPlaced | OrderShipped): string {
    return order.id;
  }

  @OnEvent('order.#')
  whatTheyShare({ id }: { id: string }): string {
    return id;
  }

  @OnEvent(['order.placed', 'user.#'])
  ofAList(_event: OrderPlaced | UserInvited): void {}

  @OnEvent(Shipped)
  ofAClass(_event: Shipped): void {}

  @OnEvent('order.placed', { batch: { size: 10 } })
  ofMany(_orders: readonly OrderPlaced[], batch: EventBatch): void {
    batch.contexts.forEach(({ id }, index) => batch.fail(index, id));
  }

  @OnEvent(Shipped, { batch: { size: 10, wait: '1s' } })
  ofManyOfAClass(_events: Shipped[]): void {}

  @OnEvent('order.placed', { batch: { size: 10 } })
  bodiesOfMany(_bodies: Buffer[]): void {}

  @OnEvent('order.placed', { batch: { size: 10 } })
  partsOfMany(_prices: number[]): void {}

  // @ts-expect-error a batch gives a list
  @OnEvent('order.placed', { batch: { size: 10 } })
  oneOfMany(_order: OrderPlaced): void {}

  // @ts-expect-error of other events
  @OnEvent('order.placed', { batch: { size: 10 } })
  othersOfMany(_orders: UserInvited[]): void {}

  @OnEvent(Shipped)
  likeAClass(_event: OrderShipped, _context: EventContext): void {}

  @OnEvent('order.placed')
  asBytes(_body: Buffer): void {}

  @OnEvent('order.placed')
  asText(_body: string): void {}

  @OnEvent('order.placed', { schema: Coerced })
  bySchema(_order: { id: bigint }): void {}

  @OnEvent('order.placed')
  contextFirst(@Ctx() _context: EventContext, @Payload() _order: OrderPlaced): void {}

  @OnEvent('order.placed')
  aMember(@Payload('price') _price: number): void {}

  @OnEvent('order.placed', { queue: 'orders', retry: ['1s'], prefetch: 1, outbox: 'main' })
  withOptions(_order: OrderPlaced): void {}

  // @ts-expect-error no event of that type is registered
  @OnEvent('order.plaecd')
  unknownType(): void {}

  // @ts-expect-error the pattern matches no registered type
  @OnEvent('orders.*')
  unmatched(): void {}

  // @ts-expect-error types have two words or three
  @OnEvent('*')
  tooShort(): void {}

  // @ts-expect-error one of the patterns matches no registered type
  @OnEvent(['order.placed', 'orders.*'])
  oneUnmatched(): void {}

  // @ts-expect-error payload of another type
  @OnEvent('order.placed')
  wrongPayload(_order: OrderShipped): void {}

  // @ts-expect-error the pattern brings more than this
  @OnEvent('order.*')
  tooNarrow(_order: OrderPlaced): void {}

  // @ts-expect-error the list brings more than this
  @OnEvent(['order.placed', 'order.shipped'])
  tooNarrowForTheList(_order: OrderPlaced): void {}

  // @ts-expect-error an event class brings its instances' data
  @OnEvent(Shipped)
  wrongClass(_event: OrderPlaced): void {}

  // @ts-expect-error no member of the payload is a Date
  @OnEvent('order.placed')
  wrongMember(@Payload('price') _price: Date): void {}

  // @ts-expect-error the schema makes something else of the payload
  @OnEvent('order.placed', { schema: Coerced })
  notBySchema(_order: OrderPlaced): void {}

  // @ts-expect-error no such option
  @OnEvent('order.placed', { retries: 3 })
  wrongOption(_order: OrderPlaced): void {}

  // @ts-expect-error it belongs on a method
  @OnEvent('order.placed')
  readonly property = 1;
}

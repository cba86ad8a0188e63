import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { AggregateRoot } from '@nestjs/cqrs';
import {
  InvalidEventTypeError,
  OutboxEvent,
  OutboxEventPublisher,
  TransactionRequiredError,
  UnserializablePayloadError,
} from 'nestjs-rabbitmq-outbox';
import { useWritingApp } from './writing-app.js';

@OutboxEvent<OrderEvent>('order.placed', { key: ({ id }) => id })
class OrderPlaced {
  constructor(readonly id: string) {}
}
type OrderEvent = OrderPlaced;

@OutboxEvent<OrderEvent>('order.priced', { key: ({ id }) => id })
class OrderPriced {
  constructor(
    readonly id: string,
    readonly price: unknown,
  ) {}
}

class Unknown {}

class Order extends AggregateRoot<object> {
  price: unknown;

  constructor(readonly id: string) {
    super();
  }

  place(price: unknown): this {
    this.apply(new OrderPlaced(this.id));
    this.apply(new OrderPriced(this.id, price));
    return this;
  }

  onOrderPriced({ price }: OrderPriced): void {
    this.price = price;
  }
}

class Refused extends Error {}

const { app, outbox, rows, types, payloads, inTransaction, refusalOf } = useWritingApp();
let publisher: OutboxEventPublisher;
let wakeUps: jest.SpiedFunction<() => void>;

beforeAll(() => {
  publisher = app().app.get(OutboxEventPublisher);
  wakeUps = jest.spyOn(app().relay, 'wake');
});

const pendingOf = (order: Order) => order.getUncommittedEvents().length;
const order = (id = 'o1') => publisher.mergeObjectContext(new Order(id));

describe('emitFrom', () => {
  test('writes what an aggregate has raised, in order, and marks it committed', async () => {
    const placed = new Order('o1').place(5);
    const ids = await inTransaction((manager) => outbox().emitFrom(manager, placed));
    const written = await rows();
    expect(written.map(({ id }) => id)).toEqual(ids);
    expect(written.map(({ type, key }) => [type, key])).toEqual([
      ['order.placed', 'o1'],
      ['order.priced', 'o1'],
    ]);
    expect(await payloads()).toEqual([{ id: 'o1' }, { id: 'o1', price: 5 }]);
    expect(pendingOf(placed)).toBe(0);
  });

  test('does nothing for an aggregate that has raised nothing', async () => {
    expect(await inTransaction((manager) => outbox().emitFrom(manager, new Order('o1')))).toEqual([]);
    expect(await rows()).toEqual([]);
  });

  test.each<[string, unknown, new (...parameters: never[]) => Error]>([
    ['an event is refused', new OrderPriced('o1', 5n), UnserializablePayloadError],
    ['an event has no class', new Unknown(), InvalidEventTypeError],
  ])('leaves the aggregate its events when %s', async (_, wrong, error) => {
    const placed = new Order('o1').place(5);
    placed.apply(wrong as object);
    expect(await refusalOf((manager) => outbox().emitFrom(manager, placed))).toBeInstanceOf(error);
    expect(pendingOf(placed)).toBe(3);
  });

  test('leaves the aggregate its events outside of a transaction', async () => {
    const placed = new Order('o1').place(5);
    const emitting = outbox().emitFrom(app().dataSource.manager, placed);
    await expect(emitting).rejects.toThrow(TransactionRequiredError);
    expect(pendingOf(placed)).toBe(2);
    const nothing = outbox().emitFrom(app().dataSource.manager, new Order('o2'));
    await expect(nothing).rejects.toThrow(TransactionRequiredError);
  });

  test('forgets no event that is raised while others are written', async () => {
    const placed = new Order('o1').place(5);
    await inTransaction(async (manager) => {
      const emitting = outbox().emitFrom(manager, placed);
      placed.apply(new OrderPriced('o1', 6));
      expect(await emitting).toHaveLength(3);
    });
    expect(await types()).toEqual(['order.placed', 'order.priced', 'order.priced']);
    expect(pendingOf(placed)).toBe(0);
  });

  test('takes anything that collects events as an aggregate does', async () => {
    let raised: object[] = [new OrderPlaced('o1')];
    const source = { getUncommittedEvents: () => [...raised], uncommit: () => void (raised = []) };
    await inTransaction((manager) => outbox().emitFrom(manager, source));
    expect([await types(), raised]).toEqual([['order.placed'], []]);
  });
});

describe('commit() of an aggregate', () => {
  test('writes its events with the surrounding transaction, in order, and wakes the relay once', async () => {
    wakeUps.mockClear();
    await outbox().transaction(async () => {
      const placed = order().place(5);
      placed.commit();
      expect(pendingOf(placed)).toBe(0);
      placed.apply(new OrderPriced('o1', 6));
      placed.commit();
      order('o2').place(7).commit();
      await Promise.resolve();
      expect(wakeUps).not.toHaveBeenCalled();
    });
    expect(await payloads()).toEqual([
      { id: 'o1' },
      { id: 'o1', price: 5 },
      { id: 'o1', price: 6 },
      { id: 'o2' },
      { id: 'o2', price: 7 },
    ]);
    expect(wakeUps).toHaveBeenCalledTimes(1);
  });

  test('writes its events as they were then, just before the commit, behind those emitted meanwhile', async () => {
    await outbox().transaction(async () => {
      order().place(5).commit();
      await outbox().emit('a.later', {});
    });
    expect(await types()).toEqual(['a.later', 'order.placed', 'order.priced']);
  });

  test('works for classes, too, and for aggregates that commit by themselves', async () => {
    const Published = publisher.mergeClassContext(Order);
    const placed = new Published('o1');
    placed.autoCommit = true;
    await outbox().transaction(async () => void placed.place(5));
    expect(await types()).toEqual(['order.placed', 'order.priced']);
    expect([placed instanceof Order, placed.price]).toEqual([true, 5]);
    const plain = new Order('o2').place(5);
    plain.commit();
    expect(await types()).toHaveLength(2);
  });

  test('writes nothing when the transaction rolls back', async () => {
    wakeUps.mockClear();
    const running = outbox().transaction(async () => {
      order().place(5).commit();
      await Promise.resolve();
      throw new Refused();
    });
    await expect(running).rejects.toThrow(Refused);
    expect(await rows()).toEqual([]);
    expect(wakeUps).not.toHaveBeenCalled();
  });

  test('writes nothing of a savepoint that is rolled back, and all around it', async () => {
    await outbox().transaction(async (manager) => {
      order('o1').place(1).commit();
      const nested = manager.transaction(async () => {
        order('o2').place(2).commit();
        await Promise.resolve();
        throw new Refused();
      });
      await expect(nested).rejects.toThrow(Refused);
      await manager.transaction(async () => {
        order('o3').place(3).commit();
        await Promise.resolve();
      });
      order('o4').place(4).commit();
    });
    expect((await rows()).map(({ key }) => key)).toEqual(['o1', 'o1', 'o3', 'o3', 'o4', 'o4']);
  });

  test('writes nothing of a savepoint within one that is rolled back', async () => {
    await outbox().transaction(async (manager) => {
      const outer = manager.transaction(async (middle) => {
        await middle.transaction(async () => {
          order('o1').place(1).commit();
          await Promise.resolve();
        });
        throw new Refused();
      });
      await expect(outer).rejects.toThrow(Refused);
    });
    expect(await rows()).toEqual([]);
  });

  test('without a transaction is refused, and leaves the aggregate its events', () => {
    const placed = order().place(5);
    expect(() => placed.commit()).toThrow(TransactionRequiredError);
    expect(() => placed.commit()).toThrow(/Cannot emit "order\.placed": no transaction surrounds this call/);
    expect(pendingOf(placed)).toBe(2);
  });

  test('with nothing raised needs no transaction', () => {
    expect(() => order().commit()).not.toThrow();
  });

  test('of an event without a class is refused at once', async () => {
    const placed = order().place(5);
    placed.apply(new Unknown());
    await outbox().transaction(async () => {
      expect(() => placed.commit()).toThrow(InvalidEventTypeError);
      await Promise.resolve();
    });
    expect([await rows(), pendingOf(placed)]).toEqual([[], 3]);
  });

  test('of an event that is refused fails the commit, and leaves nothing', async () => {
    wakeUps.mockClear();
    const running = outbox().transaction(async () => {
      await outbox().emit('a.before', {});
      order().place(5n).commit();
    });
    await expect(running).rejects.toThrow(UnserializablePayloadError);
    expect(await rows()).toEqual([]);
    expect(wakeUps).not.toHaveBeenCalled();
    await inTransaction((manager) => outbox().emit(manager, 'a.next', {}));
    expect(await types()).toEqual(['a.next']);
  });

  test('does not write the events of transactions that run at the same time to each other', async () => {
    const failing = (index: number) => index % 3 === 0;
    const work = (index: number) =>
      outbox().transaction(async () => {
        order(`o${index}`).place(index).commit();
        await new Promise((resolve) => setTimeout(resolve, index % 5));
        if (failing(index)) throw new Refused();
      });
    const indexes = Array.from({ length: 30 }, (_, index) => index);
    await Promise.allSettled(indexes.map(work));
    const expected = indexes
      .filter((index) => !failing(index))
      .flatMap((index) => [`o${index}`, `o${index}`]);
    const keys = (await rows()).map(({ key }) => key);
    expect(keys.map(String).sort()).toEqual(expected.sort());
  });
});

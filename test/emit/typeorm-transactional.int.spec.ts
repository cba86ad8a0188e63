import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  Propagation,
  runInTransaction,
} from 'typeorm-transactional';
import { expect, test } from '@jest/globals';
import { AggregateRoot } from '@nestjs/cqrs';
import { OutboxEvent, OutboxEventPublisher, type OutboxService } from 'nestjs-rabbitmq-outbox';
import { transactionStyle, type Scope } from './transaction-styles.js';
import { useWritingApp } from './writing-app.js';

// It patches TypeORM for the whole process, hence a file of its own.
initializeTransactionalContext();

function scope(outbox: OutboxService): Scope {
  return {
    emit: (type) => outbox.emit(type, {}),
    nested: (work) => runInTransaction(() => work(scope(outbox))),
    savepoint: (work) => runInTransaction(() => work(scope(outbox)), { propagation: Propagation.NESTED }),
  };
}

const patched = new WeakSet<object>();

transactionStyle({
  name: 'typeorm-transactional',
  run: ({ dataSource, outbox }, work) => {
    if (!patched.has(dataSource)) addTransactionalDataSource(dataSource);
    patched.add(dataSource);
    return runInTransaction(() => work(scope(outbox)));
  },
  outside: ({ outbox }) => outbox.emit('a.outside', {}),
});

const { app, types } = useWritingApp();

test('the events of an aggregate are written before a transaction of typeorm-transactional commits', async () => {
  @OutboxEvent('order.placed')
  class OrderPlaced {}
  class Order extends AggregateRoot<object> {}
  const connectionName = 'of-the-aggregate';
  addTransactionalDataSource({ name: connectionName, dataSource: app().dataSource });
  const publisher = app().app.get(OutboxEventPublisher);
  const place = async (propagation: Propagation, error?: Error) => {
    const work = async () => {
      const order = publisher.mergeObjectContext(new Order());
      order.apply(new OrderPlaced());
      order.commit();
      await Promise.resolve();
      if (error) throw error;
    };
    await runInTransaction(work, { connectionName, propagation });
  };
  await place(Propagation.REQUIRED);
  await expect(place(Propagation.REQUIRED, new RangeError('no'))).rejects.toThrow('no');
  await runInTransaction(
    async () => {
      await expect(place(Propagation.NESTED, new RangeError('no'))).rejects.toThrow('no');
      await place(Propagation.NESTED);
    },
    { connectionName },
  );
  expect(await types()).toEqual(['order.placed', 'order.placed']);
});

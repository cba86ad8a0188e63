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
  const publisher = app().app.get(OutboxEventPublisher);
  const commit = (fails = false) => {
    const order = publisher.mergeObjectContext(new AggregateRoot<object>());
    order.apply(new OrderPlaced());
    order.commit();
    return fails ? Promise.reject(new RangeError('no')) : Promise.resolve();
  };
  addTransactionalDataSource(app().dataSource);
  await runInTransaction(() => commit());
  await expect(runInTransaction(() => commit(true))).rejects.toThrow('no');
  await runInTransaction(async () => {
    const nested = runInTransaction(() => commit(true), { propagation: Propagation.NESTED });
    await expect(nested).rejects.toThrow('no');
    await runInTransaction(() => commit(), { propagation: Propagation.NESTED });
  });
  expect(await types()).toEqual(['order.placed', 'order.placed']);
});

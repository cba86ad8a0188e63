import { OutboxEventEntity, type OutboxService } from 'nestjs-rabbitmq-outbox';
import type { EntityManager } from 'typeorm';
import { explicitScope, transactionStyle, type Scope } from './transaction-styles.js';

transactionStyle({
  name: 'dataSource.transaction()',
  run: ({ dataSource, outbox }, work) =>
    dataSource.transaction((manager) => work(explicitScope(outbox, manager))),
  outside: ({ dataSource, outbox }) => outbox.emit(dataSource.manager, 'a.outside', {}),
});

transactionStyle({
  name: 'a QueryRunner by hand',
  run: async ({ dataSource, outbox }, work) => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    const nested: Scope['nested'] = async (inner) => {
      await runner.startTransaction();
      try {
        await inner(scope);
        await runner.commitTransaction();
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      }
    };
    const scope: Scope = { emit: (type) => outbox.emit(runner, type, {}), nested, savepoint: nested };
    try {
      await work(scope);
      await runner.commitTransaction();
    } catch (error) {
      await runner.rollbackTransaction();
      throw error;
    } finally {
      await runner.release();
    }
  },
  outside: async ({ dataSource, outbox }) => {
    const runner = dataSource.createQueryRunner();
    try {
      return await outbox.emit(runner, 'a.outside', {});
    } finally {
      await runner.release();
    }
  },
});

transactionStyle({
  name: 'a custom repository with manager.withRepository()',
  run: ({ dataSource, outbox }, work) => {
    const repository = dataSource.getRepository(OutboxEventEntity).extend({
      emitting: (manager: EntityManager) => explicitScope(outbox, manager),
    });
    return dataSource.transaction((manager) => {
      const inTransaction = manager.withRepository(repository);
      return work(inTransaction.emitting(inTransaction.manager));
    });
  },
  outside: ({ dataSource, outbox }) =>
    outbox.emit(dataSource.getRepository(OutboxEventEntity).manager, 'a.outside', {}),
});

/** Business code that knows nothing of managers. */
function ambientScope(outbox: OutboxService): Scope {
  return {
    emit: (type) => outbox.emit(type, {}),
    nested: (work) => outbox.transaction(() => work(ambientScope(outbox))),
    savepoint: (work) =>
      outbox.transaction((manager) => manager.transaction((inner) => work(explicitScope(outbox, inner)))),
  };
}

transactionStyle({
  name: 'outbox.transaction()',
  run: ({ outbox }, work) => outbox.transaction(() => work(ambientScope(outbox))),
  outside: ({ outbox }) => outbox.emit('a.outside', {}),
});

import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  Propagation,
  runInTransaction,
} from 'typeorm-transactional';
import type { OutboxService } from 'nestjs-rabbitmq-outbox';
import { transactionStyle, type Scope } from './transaction-styles.js';

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

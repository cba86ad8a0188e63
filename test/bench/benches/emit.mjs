// What an emit costs a business transaction, beside the row a service would write by hand.
import { randomUUID } from 'node:crypto';
import { EntitySchema } from 'typeorm';
import { inTurn, rate, ratio } from '../measure.mjs';
import { startOutbox } from '../outbox.mjs';

const TRANSACTIONS = Number(process.env.BENCH_EVENTS ?? 8_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const CONNECTIONS = 8;

const Order = new EntitySchema({
  name: 'orders',
  columns: {
    id: { type: 'uuid', primary: true },
    customer: { type: 'text' },
    price: { type: 'int' },
  },
});

/** The outbox table of many a blog post. */
const OutboxRow = new EntitySchema({
  name: 'outbox_rows',
  columns: {
    id: { type: 'uuid', primary: true },
    type: { type: 'text' },
    key: { type: 'text' },
    payload: { type: 'jsonb' },
    createdAt: { name: 'created_at', type: 'timestamptz', createDate: true },
    publishedAt: { name: 'published_at', type: 'timestamptz', nullable: true },
  },
  indices: [{ columns: ['publishedAt'] }],
});

export default async function emit(scope) {
  const stage = await scope.stage('emit');
  const shop = await startOutbox(
    stage.site,
    { relay: { enabled: false } },
    { database: { entities: [Order, OutboxRow], synchronize: true, extra: { max: CONNECTIONS } } },
  );
  scope.onEnd(() => shop.close());
  const { plain, emitting, saving } = await inTurn(ROUNDS, {
    plain: () => transactions(shop, () => undefined),
    emitting: () =>
      transactions(shop, (manager, order) =>
        shop.outbox.emit(manager, 'order.placed', order, { key: order.id }),
      ),
    saving: () =>
      transactions(shop, (manager, order) =>
        manager.save(OutboxRow, { id: randomUUID(), type: 'order.placed', key: order.id, payload: order }),
      ),
  });
  const cost = (perSecond) => 1 / perSecond - 1 / plain;
  return {
    figures: { plain, emitting, saving },
    ratios: { emitOverPlain: ratio(emitting, plain), emitOverSave: ratio(cost(emitting), cost(saving)) },
  };
}

/** Business transactions per second, each of them an INSERT of an order and `more`. */
function transactions({ dataSource }, more) {
  let left = TRANSACTIONS;
  const work = async () => {
    while (left-- > 0) {
      await dataSource.transaction(async (manager) => {
        const order = { id: randomUUID(), customer: 'Ada Lovelace', price: 4_200 };
        await manager.insert(Order, order);
        await more(manager, order);
      });
    }
  };
  return rate(TRANSACTIONS, () => Promise.all(Array.from({ length: CONNECTIONS }, work)));
}

// Emits as fast as its connections allow, one transaction per event; with or without a relay in the same process.
import { rate } from '../measure.mjs';
import { published as publishedBy, startOutbox } from '../outbox.mjs';

const PAYLOAD = { customer: 'Ada Lovelace', price: 4_200 };

let outbox;
let goal = 0;

export async function start(site, options, connections) {
  outbox = await startOutbox(site, options, { database: { extra: { max: connections } } });
}

/** Transactions per second. */
export async function emit(transactions, connections) {
  let left = transactions;
  const work = async () => {
    while (left-- > 0) {
      await outbox.dataSource.transaction((manager) => outbox.outbox.emit(manager, 'bench.event', PAYLOAD));
    }
  };
  return rate(transactions, () => Promise.all(Array.from({ length: connections }, work)));
}

/** Resolves when the relay of this process has published so many more. */
export async function published(events) {
  goal += events;
  await publishedBy(outbox.relay, goal);
}

export const close = () => outbox.close();

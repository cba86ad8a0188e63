// Emits, in transactions of several connections at once. Events of one key are emitted by one transaction after the other
// and numbered from 1; some transactions are slow, some are rolled back.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOutbox } from '../../bench/outbox.mjs';
import { Random } from '../random.mjs';

let outbox;
let plan;
let random;
/** Key → events committed. */
let committed;
let total = 0;
let stopped = false;

export async function start(site, workPlan) {
  plan = workPlan;
  random = new Random(plan.seed);
  committed = Array.from({ length: plan.keys }, () => 0);
  outbox = await startOutbox(
    site,
    { relay: { enabled: false }, retention: plan.retention },
    { database: { extra: { max: plan.workers } } },
  );
}

/** Resolves when all has been committed, or `stop()` was called. */
export async function run() {
  const free = committed.map((_, key) => key);
  const started = Date.now();
  const work = async () => {
    while (!stopped && total < plan.events) {
      const ahead = started + (total * 1_000) / plan.perSecond - Date.now();
      if (ahead > 0) await sleep(ahead);
      const key = free.splice(random.between(0, free.length - 1), 1)[0];
      await transaction(key);
      free.push(key);
    }
  };
  await Promise.all(Array.from({ length: plan.workers }, work));
}

export const stop = () => void (stopped = true);

/** How many events of each key are committed. */
export const progress = () => ({ total, committed });

export const close = () => outbox.close();

async function transaction(key) {
  const doomed = random.chance(plan.rolledBack);
  const slow = random.chance(plan.slow) ? random.between(50, 500) : 0;
  const events = Array.from({ length: random.between(1, 5) }, (_, index) =>
    eventOf(key, committed[key] + 1 + index, doomed),
  );
  await untilItIsKnown(() => attempt(events, slow, doomed));
  if (doomed) return;
  committed[key] += events.length;
  total += events.length;
}

/** With an id of their own, events can be emitted again after a commit whose outcome nobody knows: that writes no second row. */
function eventOf(key, number, doomed) {
  const kind = plan.kinds.find(({ from, to, share }) => key >= from && key < to && random.chance(share));
  const { type = 'chaos.event', exchange } = kind ?? {};
  const options = { id: randomUUID(), key: `key-${key}`, ...(exchange && { exchange }) };
  return { type, payload: { key, number, doomed, emitted: Date.now() }, options };
}

async function attempt(events, slow, doomed) {
  const runner = outbox.dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    for (const { type, payload, options } of events) await outbox.outbox.emit(runner, type, payload, options);
    if (slow > 0) await sleep(slow);
    await (doomed ? runner.rollbackTransaction() : runner.commitTransaction());
  } finally {
    await runner.release();
  }
}

/** A database in trouble is not what is tested here: whoever emits tries again. */
async function untilItIsKnown(work) {
  for (;;) {
    try {
      return await work();
    } catch {
      await sleep(100);
    }
  }
}

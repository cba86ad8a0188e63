// How fast one relay process publishes a backlog, beside what amqplib itself gets confirmed.
import { inTurn, rate, ratio } from '../measure.mjs';
import { createStage, published, publishWithConfirms, startOutbox } from '../outbox.mjs';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 50_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const WINDOW = 2_000;
const PAYLOAD = Buffer.alloc(1_024, 'x');

export default async function relay(servers) {
  const stage = await createStage(servers, 'relay');
  try {
    const rates = await inTurn(ROUNDS, {
      amqplib: () => limit(stage),
      published: () => backlog(stage, { retention: 0 }),
      kept: () => backlog(stage, { retention: '7d' }),
      keyed: () => backlog(stage, { retention: 0 }, (i) => ({ key: `key-${i % 1_000}` })),
    });
    const { amqplib, ...ours } = rates;
    return {
      figures: rates,
      ratios: Object.fromEntries(Object.entries(ours).map(([name, value]) => [name, ratio(value, amqplib)])),
    };
  } finally {
    await stage.close();
  }
}

async function limit(stage) {
  await stage.purge();
  return rate(EVENTS, () => publishWithConfirms(stage, EVENTS, PAYLOAD, WINDOW));
}

/** From the start of a relay over a full outbox until the last row is settled. */
async function backlog(stage, options, make) {
  await stage.purge();
  await stage.database.query(`DROP SCHEMA ${stage.name} CASCADE`);
  await stage.database.query(`CREATE SCHEMA ${stage.name}`);
  const outbox = await startOutbox(stage, options);
  try {
    outbox.relay.pause();
    await outbox.fill(EVENTS, PAYLOAD, make);
    await stage.database.query(`ANALYZE ${stage.name}.outbox`);
    return await rate(EVENTS, async () => {
      outbox.relay.resume();
      await published(outbox.relay, EVENTS);
    });
  } finally {
    await outbox.close();
  }
}

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { readExposition, type Scrape } from '../observe/scrape.js';
import { eventually } from '../support/outbox-app.js';
import { startCollector, type ExportedSpan } from './collector.js';
import { realServers, type RealServers } from './real-servers.js';
import { ShopProcess } from './shop-process.js';

const ORDERS = 300;
/** Of these the warehouse packs none. */
const FAILING = 10;
const AT_ONCE = 20;

/** How the shop calls it, and how the metrics do. */
const OUTCOMES = { handled: 'handled', failed: 'retried', dead: 'dead-lettered' } as const;

/** What the shop itself wrote down, in its tables. */
interface Ledger {
  readonly events: ReadonlyMap<string, number>;
  /** `Consumer outcome` → attempts. */
  readonly attempts: ReadonlyMap<string, number>;
}

describe('the shop under load', () => {
  let servers: RealServers;
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let shop: ShopProcess;
  let database: pg.Pool;
  let ledger: Ledger;
  let numbers: Scrape;
  let spans: readonly ExportedSpan[];

  beforeAll(async () => {
    [servers, collector] = [await realServers(), await startCollector()];
    database = new pg.Pool({ connectionString: servers.env.DATABASE_URL, max: 2 });
    shop = await ShopProcess.start({
      ...servers.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      // What a burst makes more of than fits is thrown away otherwise.
      OTEL_BSP_MAX_QUEUE_SIZE: '200000',
    });
    await placeOrders(ORDERS - FAILING);
    await eventually(async () => (await readLedger()).attempts.get('Warehouse handled') === ORDERS - FAILING);
    await fetch(`${shop.url}/warehouse`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"fails":true}',
    });
    await placeOrders(FAILING);
    ledger = await eventually(async () => {
      const { events, attempts } = await readLedger();
      const handled = (attempts.get('Invoicing handled') ?? 0) + (attempts.get('Notifications handled') ?? 0);
      return attempts.get('Warehouse dead') === FAILING && handled === 3 * ORDERS && { events, attempts };
    }, 60_000);
    numbers = await eventually(async () => {
      const seen = readExposition(await (await fetch(`${shop.url}/metrics`)).text());
      const settled = seen.sum('inbox_processed_total') === sum(ledger.attempts.values());
      return settled && seen.value('outbox_messages', { state: 'pending' }) === 0 && seen;
    });
    await shop.stop();
    ({ spans } = collector);
  }, 120_000);

  afterAll(async () => {
    await shop?.stop();
    await database?.end();
    await collector?.close();
    await servers?.remove();
  });

  async function placeOrders(count: number): Promise<void> {
    const place = async () => {
      const response = await fetch(`${shop.url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ customerName: 'Ada', price: 42 }),
      });
      expect(response.status).toBe(201);
    };
    for (let placed = 0; placed < count; placed += AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - placed) }, place));
  }

  async function readLedger(): Promise<Ledger> {
    const { rows: events } = await database.query<{ type: string; n: number }>(
      'SELECT type, count(*)::int AS n FROM outbox GROUP BY 1',
    );
    const { rows: attempts } = await database.query<{ what: string; n: number }>(
      `SELECT consumer || ' ' || outcome AS what, count(*)::int AS n FROM activity GROUP BY 1`,
    );
    return {
      events: new Map(events.map(({ type, n }) => [type, n])),
      attempts: new Map(attempts.map(({ what, n }) => [what, n])),
    };
  }

  const queue = (consumer: string) => {
    const methods: Record<string, string> = {
      Invoicing: 'invoice',
      Notifications: 'notify',
      Warehouse: 'pack',
    };
    return `${servers.env.OUTBOX_SERVICE}.${consumer}.${methods[consumer]}`;
  };
  const named = (name: string) => spans.filter((span) => span.name === name);

  test('is a load that does every kind of thing', () => {
    expect(Object.fromEntries(ledger.events)).toEqual({ 'order.placed': ORDERS, 'invoice.sent': ORDERS });
    expect([...ledger.attempts.keys()].sort()).toEqual([
      'Invoicing handled',
      'Notifications handled',
      'Warehouse dead',
      'Warehouse failed',
      'Warehouse handled',
    ]);
  });

  test('tells Prometheus of every event, by type', () => {
    for (const [type, count] of ledger.events) {
      expect(numbers.value('outbox_emitted_total', { type })).toBe(count);
      expect(numbers.value('outbox_published_total', { type })).toBe(count);
    }
    expect(numbers.sum('outbox_relay_batch_size_sum')).toBe(sum(ledger.events.values()));
    expect(numbers.sum('outbox_publish_failures_total')).toBe(0);
  });

  test('tells Prometheus of every attempt to handle one, by what became of it', () => {
    for (const [what, count] of ledger.attempts) {
      const [consumer = '', outcome = ''] = what.split(' ');
      const labels = { consumer: queue(consumer), outcome: OUTCOMES[outcome as keyof typeof OUTCOMES] };
      expect([what, numbers.value('inbox_processed_total', labels)]).toEqual([what, count]);
    }
    expect(numbers.sum('inbox_received_total')).toBe(sum(ledger.attempts.values()));
    expect(numbers.sum('inbox_process_duration_seconds_count')).toBe(sum(ledger.attempts.values()));
    expect(numbers.sum('inbox_dead_letters_total')).toBe(FAILING);
  });

  test('exports a span for every event and every attempt', () => {
    const exchange = servers.env.OUTBOX_EXCHANGE;
    for (const [type, count] of ledger.events)
      expect(named(`create ${exchange}:${type}`)).toHaveLength(count);
    for (const consumer of ['Invoicing', 'Notifications', 'Warehouse']) {
      const attempts = [...ledger.attempts].filter(([what]) => what.startsWith(consumer));
      expect(named(`process ${queue(consumer)}`)).toHaveLength(sum(attempts.map(([, count]) => count)));
    }
  });

  test('exports one trace for each order, from its request to the last of its handlers', () => {
    const requests = spans.filter(({ scope, parentSpanId }) => scope.endsWith('-http') && !parentSpanId);
    const placing = requests.filter(({ traceId }) =>
      named(`create ${servers.env.OUTBOX_EXCHANGE}:order.placed`).some((span) => span.traceId === traceId),
    );
    expect(placing).toHaveLength(ORDERS);
    // A batch of the relay belongs to many orders: it is a trace of its own, with links.
    const ours = spans.filter(
      ({ scope, name }) => scope === 'nestjs-rabbitmq-outbox' && !name.startsWith('send '),
    );
    const traces = new Set(placing.map(({ traceId }) => traceId));
    expect(ours.filter(({ traceId }) => !traces.has(traceId))).toEqual([]);
  });
});

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);

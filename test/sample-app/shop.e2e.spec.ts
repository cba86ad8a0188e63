import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { LiveStream, type LiveSnapshot } from './live-stream.js';
import { expectedQueues, realServers, type RealServers } from './real-servers.js';
import { ShopProcess } from './shop-process.js';

interface Order {
  id: string;
  number: number;
  customerName: string;
  price: number;
  placedAt: string;
}

const CONSUMERS = ['Invoicing', 'Notifications', 'Warehouse'];

function post(shop: ShopProcess, body: unknown): Promise<Response> {
  return fetch(`${shop.url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function place(shop: ShopProcess, customerName = 'Ada Lovelace', price = 42): Promise<Order> {
  const response = await post(shop, { customerName, price });
  expect(response.status).toBe(201);
  return (await response.json()) as Order;
}

async function listed(shop: ShopProcess): Promise<Order[]> {
  return (await (await fetch(`${shop.url}/orders`)).json()) as Order[];
}

function rowOf(snapshot: LiveSnapshot, order: Order, type = 'order.placed') {
  return snapshot.outbox.rows.find((row) => row.key === order.id && row.type === type);
}

function handledBy(snapshot: LiveSnapshot, order: Order, type = 'order.placed'): string[] {
  const id = rowOf(snapshot, order, type)?.id;
  return snapshot.activity
    .filter(({ eventId, outcome }) => eventId === id && outcome === 'handled')
    .map(({ consumer }) => consumer)
    .sort();
}

function isDone(order: Order) {
  return (snapshot: LiveSnapshot): boolean =>
    rowOf(snapshot, order)?.state === 'published' &&
    handledBy(snapshot, order).length === CONSUMERS.length &&
    rowOf(snapshot, order, 'invoice.sent')?.state === 'published' &&
    handledBy(snapshot, order, 'invoice.sent').length === 1;
}

/** From the commit of the order to the last of its handlers, by the database's clock. */
function msUntilHandled(snapshot: LiveSnapshot, order: Order): number {
  const id = rowOf(snapshot, order)?.id;
  const ends = snapshot.activity.filter(({ eventId }) => eventId === id).map(({ at }) => Date.parse(at));
  return Math.max(...ends) - Date.parse(order.placedAt);
}

const SERVERS: [string, () => Promise<Pick<RealServers, 'remove'> & { env: Record<string, string> }>][] = [
  ['on embedded servers', () => Promise.resolve({ env: {}, remove: () => Promise.resolve() })],
  ['on real servers', realServers],
];

describe.each(SERVERS)('the shop in one process, %s', (where, servers) => {
  let shop: ShopProcess;
  let live: LiveStream;
  let environment: Awaited<ReturnType<typeof servers>>;

  beforeAll(async () => {
    environment = await servers();
    shop = await ShopProcess.start(environment.env);
    live = await LiveStream.open(shop.url);
  });

  afterAll(async () => {
    live?.close();
    await shop?.stop();
    await environment?.remove();
  });

  test('publishes the event of an order and handles it, and the live stream tells of it', async () => {
    const order = await place(shop, 'Grace Hopper', 19.95);
    const snapshot = await live.until(isDone(order));

    expect(handledBy(snapshot, order)).toEqual(CONSUMERS);
    expect(handledBy(snapshot, order, 'invoice.sent')).toEqual(['Notifications']);
    expect(rowOf(snapshot, order)).toMatchObject({ state: 'published', attempts: 0, lastError: null });
    expect((await listed(shop))[0]).toEqual({ ...order, customerName: 'Grace Hopper', price: 19.95 });
  });

  // The best of three: what would make it slower than the machine is, such as a poll instead of a wake-up, does so each time.
  test('has an order handled within a second', async () => {
    const times: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const order = await place(shop);
      times.push(msUntilHandled(await live.until(isDone(order)), order));
    }
    expect(Math.min(...times)).toBeLessThan(1000);
  });

  test('tries a failing consumer again and leaves a dead letter, while the others go on', async () => {
    await fetch(`${shop.url}/warehouse`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"fails":true}',
    });
    const order = await place(shop);
    const ofWarehouse = (
      { consumer, eventId }: { consumer: string; eventId: string },
      snapshot: LiveSnapshot,
    ) => consumer === 'Warehouse' && eventId === rowOf(snapshot, order)?.id;
    const snapshot = await live.until((seen) =>
      seen.activity.some((activity) => ofWarehouse(activity, seen) && activity.outcome === 'dead'),
    );

    const attempts = snapshot.activity.filter((activity) => ofWarehouse(activity, snapshot));
    expect(attempts.map(({ attempt, outcome }) => `${attempt} ${outcome}`)).toEqual([
      '1 failed',
      '2 failed',
      '3 dead',
    ]);
    expect(attempts[2]?.detail).toBe('Nobody here to pack it');
    expect(handledBy(snapshot, order)).toEqual(['Invoicing', 'Notifications']);
  });

  test('says what it runs on, without the password', async () => {
    const runsOn = await (await fetch(`${shop.url}/runs-on`)).text();
    const embedded = where === 'on embedded servers';
    expect(JSON.parse(runsOn)).toMatchObject({ role: 'all', database: { embedded }, broker: { embedded } });
    expect(runsOn).not.toContain('@');
    expect(shop.output.includes('Embedded PostgreSQL')).toBe(embedded);
    expect(shop.output.includes('In-process broker')).toBe(embedded);
  });

  test('serves its page under a policy that lets nothing foreign in, and answers the health check', async () => {
    const page = await fetch(shop.url);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(await page.text()).toContain('<title>Outbox shop</title>');
    expect(await (await fetch(`${shop.url}/health`)).json()).toMatchObject({
      status: 'ok',
      details: { outbox: { status: 'up', database: 'up' } },
    });
  });

  test.each([
    ['no customer', { price: 1 }, 'customerName must be text'],
    ['an empty customer', { customerName: '  ', price: 1 }, 'customerName must be 1 to 80 characters long'],
    [
      'a control character',
      { customerName: 'A\u0000B', price: 1 },
      'customerName must not contain control characters',
    ],
    [
      'a price in words',
      { customerName: 'Ada', price: 'ten' },
      'price must be a number with at most two decimals',
    ],
    ['a price of nothing', { customerName: 'Ada', price: 0 }, 'price must be at least 0.01'],
    [
      'a fraction of a cent',
      { customerName: 'Ada', price: 1.005 },
      'price must be a number with at most two decimals',
    ],
    ['an unknown property', { customerName: 'Ada', price: 1, free: true }, 'property free should not exist'],
    ['broken JSON', '{"customerName":', 'JSON'],
  ])('refuses an order with %s and says why', async (_case, body, why) => {
    const before = await listed(shop);
    const response = await post(shop, body);
    expect(response.status).toBe(400);
    expect([((await response.json()) as { message: string | string[] }).message].flat().join()).toContain(
      why,
    );
    expect(await listed(shop)).toEqual(before);
  });

  // Last, because it ends the shop of this block.
  test('ends with 0 on SIGTERM, even while a page is watching', async () => {
    expect(await shop.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

describe('the shop in three processes', () => {
  let servers: RealServers;
  const running: ShopProcess[] = [];

  function start(role: string): Promise<ShopProcess> {
    const shop = ShopProcess.launch({ ...servers.env, ROLE: role });
    running.push(shop);
    return shop.ready();
  }

  beforeEach(async () => {
    servers = await realServers();
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((shop) => shop.stop('SIGKILL')));
    await servers?.remove();
  });

  test('starts all three at once on an empty database, and each ends with 0 on SIGTERM', async () => {
    const [api, worker, relay] = await Promise.all([start('api'), start('worker'), start('relay')]);
    const live = await LiveStream.open(api.url);
    const order = await place(api);
    await live.until(isDone(order));
    live.close();

    expect(await servers.queues()).toEqual(expectedQueues(servers.env.OUTBOX_SERVICE));
    const ends = await Promise.all([api, worker, relay].map((shop) => shop.stop('SIGTERM')));
    expect(ends).toEqual([1, 2, 3].map(() => ({ code: 0, signal: null })));
  });

  test('keeps an order pending without a relay, in its queues without a worker, and loses it never', async () => {
    const [worker, api] = await Promise.all([start('worker'), start('api')]);
    await worker.stop();
    const live = await LiveStream.open(api.url);
    const order = await place(api);
    const waiting = await live.until((snapshot) => rowOf(snapshot, order) !== undefined);
    expect(rowOf(waiting, order)).toMatchObject({ state: 'pending', attempts: 0, publishedAt: null });

    await start('relay');
    const published = await live.until((snapshot) => rowOf(snapshot, order)?.state === 'published');
    expect(handledBy(published, order)).toEqual([]);

    await start('worker');
    await live.until(isDone(order));
    live.close();
  });

  test('keeps an event until there is a queue for it, and say why it waits', async () => {
    const [api] = await Promise.all([start('api'), start('relay')]);
    const live = await LiveStream.open(api.url);
    const order = await place(api);
    const refused = await live.until((snapshot) => (rowOf(snapshot, order)?.attempts ?? 0) > 0);
    const lastError: unknown = expect.stringContaining('order.placed');
    expect(rowOf(refused, order)).toMatchObject({ state: 'pending', lastError });

    await start('worker');
    await live.until(isDone(order));
    live.close();
  });
});

describe('a shop that cannot start', () => {
  test('names the URLs that processes of their own need', async () => {
    const { code, output } = await ShopProcess.run({ ROLE: 'relay' });
    expect(code).toBe(1);
    expect(output).toContain(
      'Set DATABASE_URL (postgres://user:password@host:5432/database) and RABBITMQ_URL',
    );
  });

  test('names the database that does not answer, without the password', async () => {
    const { code, output } = await ShopProcess.run({
      ROLE: 'relay',
      DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/shop',
      RABBITMQ_URL: 'amqp://127.0.0.1:1',
    });
    expect(code).toBe(1);
    expect(output).toBe(
      'Cannot open the database at 127.0.0.1:1/shop (DATABASE_URL): connect ECONNREFUSED 127.0.0.1:1\n',
    );
  });

  test('names the port that is in use', async () => {
    const first = await ShopProcess.start();
    const port = new URL(first.url).port;
    const { code, output } = await ShopProcess.run({ PORT: port });
    await first.stop();
    expect(code).toBe(1);
    expect(output).toContain(`Port ${port} is in use`);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readExposition, type Scrape } from '../observe/scrape.js';
import { eventually } from '../support/outbox-app.js';
import { realServers, type RealServers } from './real-servers.js';
import { ShopProcess } from './shop-process.js';

const ORDERS = 20;

describe('the shop in three processes', () => {
  let servers: RealServers;
  const running: ShopProcess[] = [];

  beforeAll(async () => {
    servers = await realServers();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((shop) => shop.stop()));
  });
  afterAll(() => servers?.remove());

  async function start(role: string): Promise<ShopProcess> {
    const shop = ShopProcess.launch({ ...servers.env, ROLE: role, MONITORING_PORT: '0' });
    running.push(shop);
    return shop.ready();
  }

  const monitoringOf = (shop: ShopProcess) =>
    eventually(() => /Monitoring on (http:\/\/localhost:\d+)/.exec(shop.output)?.[1]);
  const scrape = async (url: string): Promise<Scrape> =>
    readExposition(await (await fetch(`${url}/metrics`)).text());

  test('tells Prometheus in each of them what that one did, and each how it is', async () => {
    const worker = await start('worker');
    const [api, relay] = await Promise.all([start('api'), start('relay')]);
    const urls = [api.url, await monitoringOf(relay), await monitoringOf(worker)] as const;
    for (let order = 0; order < ORDERS; order++) {
      const response = await fetch(`${api.url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ customerName: 'Ada', price: 42 }),
      });
      expect(response.status).toBe(201);
    }
    const [ofApi, ofRelay, ofWorker] = await eventually(async () => {
      const seen = await Promise.all(urls.map(scrape));
      const handled = seen[2]?.sum('inbox_processed_total', { outcome: 'handled' });
      // An event is handled before its publishing is on record.
      const published = seen[1]?.sum('outbox_published_total');
      return handled === 4 * ORDERS && published === 2 * ORDERS && (seen as [Scrape, Scrape, Scrape]);
    });
    const placed = { type: 'order.placed' };
    expect(ofApi.value('outbox_emitted_total', placed)).toBe(ORDERS);
    expect(ofWorker.value('outbox_emitted_total', { type: 'invoice.sent' })).toBe(ORDERS);
    expect(ofRelay.value('outbox_published_total', placed)).toBe(ORDERS);
    expect(ofRelay.value('outbox_published_total', { type: 'invoice.sent' })).toBe(ORDERS);
    expect(ofRelay.value('outbox_relays', { state: 'working' })).toBe(1);
    expect([ofApi, ofWorker].map(({ sum }) => sum('outbox_published_total'))).toEqual([0, 0]);
    const healths = await Promise.all(urls.map((url) => fetch(`${url}/health`)));
    expect(healths.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await healths[1]?.json()).toMatchObject({ status: 'ok', details: { outbox: { database: 'up' } } });
    expect((await fetch(`${urls[1]}/orders`)).status).toBe(404);
  }, 120_000);
});

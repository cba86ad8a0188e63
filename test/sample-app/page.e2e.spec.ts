import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { findBrowser, openBrowser } from './browser.js';
import { ShopProcess } from './shop-process.js';

const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' } as const;
const executable = findBrowser();

if (!executable) {
  const missing = 'No browser. Install Chromium (apt-get install chromium) or set CHROMIUM to one.';
  if (process.env.CI) throw new Error(missing);
  console.warn(`\n${'!'.repeat(80)}\nSKIPPED: every test of the page. ${missing}\n${'!'.repeat(80)}\n`);
}

(executable ? describe : describe.skip)('the page', () => {
  let browser: Browser;
  let shop: ShopProcess;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    [browser, shop] = await Promise.all([openBrowser(executable!), ShopProcess.start()]);
  });

  afterAll(async () => {
    await browser?.close();
    await shop?.stop();
  });

  beforeEach(() => {
    complaints = [];
  });

  afterEach(async () => {
    await page?.context().close();
    if (complaints.length > 0) throw new Error(`The browser complained: ${complaints.join(', ')}`);
  });

  async function visit(options?: BrowserContextOptions): Promise<void> {
    const context = await browser.newContext(options);
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(shop.url);
    await page.getByText('Live', { exact: true }).waitFor();
  }

  async function place(customer: string, price = '12.50'): Promise<number> {
    await page.getByLabel('Customer').fill(customer);
    await page.getByLabel('Price in euros').fill(price);
    await page.getByRole('button', { name: 'Place order' }).click();
    const said = await page.getByText(/^Order \d+ is placed\.$/).textContent();
    return Number(/\d+/.exec(said!)![0]);
  }

  function orderRow(order: number, tab = page): Locator {
    return tab.locator('.order').filter({ has: tab.getByText(`#${order}`, { exact: true }) });
  }

  /** The event of an order, once it has reached a state. */
  function event(order: number, state: string, type = 'order.placed'): Locator {
    return page
      .locator(`.event[data-state="${state}"]`)
      .filter({ hasText: `Order ${order} ·` })
      .filter({ hasText: type });
  }

  function delivery(of: Locator, consumer: string, outcome: string | RegExp): Locator {
    return of.locator('.delivery').filter({ hasText: consumer }).filter({ hasText: outcome });
  }

  test('teaches what will happen while there is nothing to show, and says what it runs on', async () => {
    await visit();
    expect(await shows(page.getByText('The outbox is empty.'))).toBe(true);
    expect(await shows(page.getByText('No orders yet.'))).toBe(true);
    expect(await shows(page.getByText('Embedded PostgreSQL at'))).toBe(true);
    expect(
      await shows(page.getByText('for trying out; set DATABASE_URL and RABBITMQ_URL for real ones')),
    ).toBe(true);
  });

  test('shows an order become published and handled by every consumer', async () => {
    await visit();
    const order = await place('Ada Lovelace', '42');
    expect(await shows(orderRow(order).filter({ hasText: '42.00' }))).toBe(true);
    const [placed, invoiced] = [event(order, 'published'), event(order, 'published', 'invoice.sent')];
    for (const consumer of ['Invoicing', 'Notifications', 'Warehouse']) {
      expect(await shows(delivery(placed, consumer, 'handled'))).toBe(true);
    }
    expect(await shows(delivery(invoiced, 'Notifications', 'handled'))).toBe(true);
  });

  test('shows a failing consumer try again, leave a dead letter, and recover for the next order', async () => {
    await visit();
    const failing = page.getByRole('switch', { name: 'Warehouse fails' });
    await failing.click();
    expect(await isChecked(failing, true)).toBe(true);
    const order = await place('Grace Hopper');
    const placed = event(order, 'published');
    // It stands there for one second, then as "failed 2 of 3" for three.
    expect(await shows(delivery(placed, 'Warehouse', /failed [12] of 3/))).toBe(true);
    const dead = delivery(placed, 'Warehouse', 'dead letter');
    expect(await shows(dead.getByText('shop.Warehouse.pack.dlq'))).toBe(true);
    expect(await shows(delivery(placed, 'Invoicing', 'handled'))).toBe(true);

    await failing.click();
    expect(await isChecked(failing, false)).toBe(true);
    const next = event(await place('Grace Hopper'), 'published');
    expect(await shows(delivery(next, 'Warehouse', 'handled'))).toBe(true);
  });

  test('shows another tab what this one does', async () => {
    await visit();
    const other = await page.context().newPage();
    await other.goto(shop.url);
    const order = await place('Hedy Lamarr');
    expect(await shows(orderRow(order, other))).toBe(true);
  });

  test('says beside the field what is wrong with it, and places nothing', async () => {
    await visit();
    const before = await page.locator('.order').count();
    await page.getByLabel('Customer').fill('');
    await page.getByRole('button', { name: 'Place order' }).click();
    const customer = page.getByLabel('Customer');
    expect(await customer.getAttribute('aria-invalid')).toBe('true');
    expect(await page.locator(':focus').getAttribute('name')).toBe('customerName');
    expect(await page.locator('#customer-name-error').textContent()).not.toBe('');
    expect(await page.locator('.order').count()).toBe(before);
  });

  test('shows markup in a name as text', async () => {
    await visit();
    const name = '<img src=x onerror=alert(1)>';
    const order = await place(name);
    expect(await shows(orderRow(order).filter({ hasText: name }))).toBe(true);
    expect(await page.locator('.order img, .event img').count()).toBe(0);
  });

  test('can be used with the keyboard alone', async () => {
    await visit();
    await page.getByLabel('Customer').focus();
    await page.keyboard.type('Edsger Dijkstra');
    await page.keyboard.press('Enter');
    expect(await shows(page.getByText(/^Order \d+ is placed\.$/))).toBe(true);
    await page.getByRole('switch', { name: 'Warehouse fails' }).focus();
    await page.keyboard.press('Space');
    expect(await isChecked(page.getByRole('switch'), true)).toBe(true);
    await page.keyboard.press('Space');
    expect(await isChecked(page.getByRole('switch'), false)).toBe(true);
  });

  test('fits a phone in dark mode', async () => {
    await visit(PHONE);
    await place('A customer with a name that is longer than any phone is wide, Countess of Somewhere');
    expect(await shows(page.locator('.event').first())).toBe(true);
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(PHONE.viewport.width);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(22, 20, 18)');
    expect((await page.screenshot({ fullPage: true })).length).toBeGreaterThan(10_000);
  });

  // Last, because it ends the shop the others look at.
  test('says that the server is gone, and goes on by itself when it is back', async () => {
    await visit();
    await shop.stop();
    expect(await shows(page.getByText('Reconnecting…'))).toBe(true);
    await page.getByRole('button', { name: 'Place order' }).click();
    expect(await shows(page.getByText('The shop does not answer.'))).toBe(true);
    shop = await ShopProcess.start({ PORT: new URL(shop.url).port });
    expect(await shows(page.getByText('Live', { exact: true }))).toBe(true);
    // The browser itself complains about every connection it could not make.
    complaints = complaints.filter((text) => !text.includes('net::ERR_'));
  });
});

/** Waits for it, or fails after Playwright's own time limit. */
async function shows(what: Locator): Promise<boolean> {
  await what.waitFor();
  return true;
}

function isChecked(control: Locator, checked: boolean): Promise<boolean> {
  return shows(control.and(control.page().locator(`[aria-checked="${checked}"]`)));
}

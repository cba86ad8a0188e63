import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createPlayground, eventually, type Playground } from '../support/outbox-app.js';
import { readDocument } from './documents.js';
import { shopTables } from './shop.js';
import { snippetFolder, writeModules } from './snippets.js';

interface Orders {
  place(customer: string, price: number): Promise<{ id: string }>;
}

/** What the section "Install" of the README exports, together with the code of "The fix". */
interface Snippets {
  AppModule: Type;
  Orders: Type<Orders>;
}

const folder = snippetFolder();
let playground: Playground;
let snippets: Snippets;
let app: INestApplicationContext;

beforeAll(async () => {
  playground = await createPlayground();
  const { name, databaseUrl, rabbitUrl } = playground;
  for (const table of shopTables)
    await playground.sql(table.replace('CREATE TABLE ', `CREATE TABLE ${name}.`));
  playground.remember('queue', `${name}.Invoicing.invoice`);
  playground.remember('queue', `${name}.Invoicing.invoice.dlq`);
  for (const delay of ['1s', '10s', '1m']) {
    playground.remember('queue', `${name}.retry.${delay}`);
    playground.remember('exchange', `${name}.retry.${delay}`);
  }
  // As its reader would set them; the rest keeps this run apart from others.
  const url = new URL(databaseUrl);
  url.searchParams.set('options', `-c search_path=${name}`);
  Object.assign(process.env, { DATABASE_URL: url.href, RABBITMQ_URL: rabbitUrl, OUTBOX_EXCHANGE: name });
  writeModules(readDocument('README.md'), folder, (code) =>
    code.replace("service: 'shop'", `service: '${name}'`),
  );
  snippets = (await import(path.join(folder, 'README-md/install.ts'))) as Snippets;
  app = await NestFactory.createApplicationContext(snippets.AppModule, {
    abortOnError: false,
    logger: false,
  });
}, 60_000);

afterAll(async () => {
  await app?.close();
  await playground?.close();
  await rm(folder, { recursive: true });
});

test('the fix works as it stands in the README: the order commits, and its invoice is written elsewhere', async () => {
  const { name } = playground;
  const order = await app.get(snippets.Orders).place('Ada', 42);
  const [invoice] = await eventually(async () => {
    const found = await playground.sql(`SELECT amount FROM ${name}.invoices WHERE order_id = $1`, [order.id]);
    return found.length > 0 && found;
  });
  expect(invoice).toEqual({ amount: 42 });
  const rows = await playground.sql(`SELECT type, key FROM ${name}.outbox`);
  expect(rows).toEqual([{ type: 'order.placed', key: order.id }]);
});

test('an order that is refused leaves no event', async () => {
  const { name } = playground;
  const before = await playground.sql(`SELECT count(*) FROM ${name}.outbox`);
  await expect(app.get(snippets.Orders).place('Eve', Number.NaN)).rejects.toThrow('NaN');
  expect(await playground.sql(`SELECT count(*) FROM ${name}.outbox`)).toEqual(before);
});

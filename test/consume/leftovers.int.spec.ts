import { Injectable, Logger, type Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

let stage: Stage;
let warnings: string[];

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage?.close());

beforeEach(() => {
  warnings = [];
  jest
    .spyOn(Logger.prototype, 'warn')
    .mockImplementation((message: unknown) => void warnings.push(String(message)));
});

afterEach(() => {
  jest.restoreAllMocks();
});

@Injectable()
class Mailing {
  @OnEvent('order.placed')
  send(): void {}
}

/** `Billing`, with one method of this name. */
function billing(method: string, ...patterns: string[]): Type {
  @Injectable()
  class Billing {
    [method](): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Billing.prototype, method) as PropertyDescriptor;
  (OnEvent(patterns) as MethodDecorator)(Billing.prototype, method, descriptor);
  return Billing;
}

/** One version of the service after the other, as a deployment has it. */
async function deploy(...providers: Type[]): Promise<TestApp> {
  const before = await announcements();
  const app = await stage.start({ providers });
  await eventually(async () => (await announcements()) > before);
  return app;
}

async function announcements(): Promise<number> {
  const { playground } = stage;
  const table = `${playground.name}.outbox_consumers`;
  const [found] = await playground.sql<{ there: string | null }>('SELECT to_regclass($1) AS there', [table]);
  if (!found?.there) return 0;
  const [row] = await playground.sql<{ count: string }>(`SELECT count(DISTINCT process) FROM ${table}`);
  return Number(row?.count);
}

test('a renamed handler leaves a queue that is warned of, with what is on it, until it is deleted', async () => {
  await (await deploy(billing('bill', 'order.*'), Mailing)).close();
  const queue = stage.queue('Billing.bill');
  await stage.publish('order.placed');
  const renamed = await deploy(billing('invoice', 'order.*'), Mailing);
  const [warning] = await eventually(() => warnings.length > 0 && warnings);
  expect(warning).toContain(`Queue "${queue}" goes on receiving events`);
  expect(warning).toContain('when Billing.bill did; it holds 1.');
  await renamed.close();
  await stage.onChannel((channel) => channel.deleteQueue(queue));
  warnings.length = 0;
  const changed = await deploy(billing('invoice', 'order.placed'), Mailing);
  await eventually(() => warnings.length > 0);
  expect(warnings).toEqual([
    expect.stringMatching(/^Queue ".*\.Billing\.invoice" was bound to exchange ".*" by "order\.\*"/),
  ]);
  await changed.close();
});

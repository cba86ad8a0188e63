import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { InvalidOptionError, OnEvent, OutboxDoctor } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';

@Injectable()
class Invoicing {
  @OnEvent('order.placed')
  invoice(): void {}

  @OnEvent('order.*', { broadcast: true })
  watch(): void {}
}

let playground: Playground;
const apps: TestApp[] = [];

beforeAll(async () => {
  playground = await createPlayground();
  const { name } = playground;
  for (const queue of [
    'Invoicing.invoice',
    'Invoicing.invoice.dlq',
    'Invoicing.watch.dlq',
    'retry.1s',
    'retry.10s',
    'retry.1m',
    'retry.5m',
  ])
    playground.remember('queue', `${name}.${queue}`);
  for (const delay of ['1s', '10s', '1m', '5m']) playground.remember('exchange', `${name}.retry.${delay}`);
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});
afterAll(() => playground?.close());

async function start(settings: Parameters<typeof startApp>[1]): Promise<OutboxDoctor> {
  const app = await startApp(playground, settings);
  apps.push(app);
  return app.app.get(OutboxDoctor);
}

/** The server of these tests may have autovacuum off, to be quicker. */
const ofServer = new Set(['autovacuum-off']);

const codes = async (doctor: OutboxDoctor) => {
  const { findings } = await doctor.diagnose({ watch: 0 });
  return findings
    .filter(({ code }) => !ofServer.has(code))
    .map(({ code, details }) => [code, details['queue'] ?? details['pattern']]);
};

test('asked in an application that has not started anything yet, it tells of handlers that never ran', async () => {
  const migrating = await startApp(playground);
  await migrating.close();
  const doctor = await start({ providers: [Invoicing], options: { idle: true } });
  const queue = `${playground.name}.Invoicing.invoice`;
  expect(await codes(doctor)).toEqual(
    expect.arrayContaining([
      ['relay-missing', undefined],
      ['handler-without-queue', queue],
    ]),
  );
});

test('asked in a running application, it finds all well, broadcasts too, and notices go without problems', async () => {
  const doctor = await start({ providers: [Invoicing] });
  await eventually(async () => {
    const { checks } = await doctor.diagnose({ watch: 0 });
    return checks.find(({ check }) => check === 'relays')?.status === 'well';
  });
  await apps[0]?.emit('order.placed');
  await eventually(async () => (await codes(doctor)).length === 0);
  const { healthy, findings } = await doctor.diagnose();
  expect(healthy).toBe(findings.length === 0);
});

test('refuses options that are wrong, naming them', async () => {
  const doctor = await start({ options: { idle: true } });
  const wrong = { maxLag: 'soon', maxDeadRows: -1, speed: 1 };
  const refused = await doctor.diagnose(wrong).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InvalidOptionError);
  expect((refused as Error).message).toMatch(/The doctor cannot look:[^]*speed[^]*maxLag[^]*maxDeadRows/);
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { TcpProxy } from '../support/tcp-proxy.mjs';
import { spawned } from './cli.js';
import {
  aged,
  app,
  apps,
  at,
  cleanups,
  diagnose,
  end,
  found,
  healthy,
  Invoicing,
  leave,
  node,
  open,
  PATIENCE,
  playground,
  provided,
  relay,
  rows,
  startBroker,
  states,
  stopBroker,
  table,
} from './doctor-stage.js';

jest.setTimeout(2 * PATIENCE);

beforeAll(startBroker, PATIENCE);
afterAll(stopBroker);
beforeEach(open);
afterEach(leave);

test('all is well on a healthy system, and the doctor says so', async () => {
  await healthy();
  const diagnosis = await diagnose();
  expect(diagnosis).toMatchObject({ code: 0, healthy: true, findings: [] });
  expect(diagnosis.checks.map(({ check, status }) => `${check} ${status}`)).toEqual(
    diagnosis.checks.map(({ check }) => `${check} well`),
  );
  expect(diagnosis.checks).toHaveLength(13);
  const { code, stdout, stderr } = await spawned(['doctor', ...at()]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/\nAll is well\.\n$/);
});

describe('the doctor finds, and tells the cure of', () => {
  test('tables that are not there', async () => {
    const { cause, cure } = await found('schema-missing');
    expect(cause).toContain('There is no outbox');
    expect(cure).toContain('npx outbox migrate');
  });

  test('no relay, and when the last was there', async () => {
    await app({ options: { relay: { enabled: false } } });
    expect((await found('relay-missing')).cure).toContain('npx outbox relay');
    const child = await relay();
    await end(child);
    await aged();
    const { cause } = await found('relay-missing');
    expect(cause).toMatch(
      new RegExp(`The last, of shop on .*, process ${child.pid}, was heard of 1m(\\d+s)? ago`),
    );
  });

  test('a relay that is frozen', async () => {
    await healthy();
    const child = await relay();
    // Until then it enters itself into the table twice: standing by, and with a share of the keys.
    await eventually(async () => {
      const sql = `SELECT lanes FROM ${playground.name}.outbox_relay WHERE pid = $1`;
      const [entry, ...more] = await playground.sql<{ lanes: number }>(sql, [child.pid]);
      return entry !== undefined && entry.lanes > 0 && more.length === 0;
    });
    child.kill('SIGSTOP');
    await playground.sql(
      `UPDATE ${playground.name}.outbox_relay SET seen_at = now() - interval '1 minute' WHERE pid = $1`,
      [child.pid],
    );
    const { cause, cure } = await found('relay-frozen');
    expect(cause).toContain(`process ${child.pid}`);
    expect(cure).toContain('end it if it does not recover');
  });

  test('a relay that pauses, because RabbitMQ is away for it', async () => {
    await app({ options: { relay: { enabled: false } } });
    const proxy = await TcpProxy.start(playground.rabbitUrl);
    cleanups.push(() => proxy.close());
    await relay(proxy.url);
    await eventually(() => proxy.connections > 0);
    await proxy.close();
    proxy.cut();
    await eventually(async () => {
      const [row] = await playground.sql<{ report: { brokerReady?: boolean } }>(
        `SELECT report FROM ${playground.name}.outbox_relay`,
      );
      return row?.report.brokerReady === false;
    });
    const { cause, cure } = await found('relay-without-broker');
    expect(cause).toContain('nothing is lost');
    expect(cure).toContain('rabbitmq-diagnostics');
  });

  test('a lag, with the event that waits and the dead one that holds it back', async () => {
    const { emit } = await healthy({ options: { relay: { retry: { attempts: 1 }, pollInterval: 100 } } });
    const dead = await emit('order.placed', {}, { key: 'order-1', exchange: `${playground.name}.nowhere` });
    await eventually(async () => (await states()).includes('dead'));
    const waiting = await emit('order.placed', {}, { key: 'order-1' });
    const { cause, cure } = await found('key-held-by-dead-event', ['--max-lag', '0ms']);
    expect(cause).toContain(waiting);
    expect(cause).toContain('NOT_FOUND');
    expect(cure).toContain(`npx outbox requeue ${dead}`);
  });

  test('a transaction that has long been open, and its query', async () => {
    const { dataSource } = await healthy();
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction('REPEATABLE READ');
    cleanups.push(async () => {
      await runner.rollbackTransaction();
      await runner.release();
    });
    const [row] = (await runner.query('SELECT pg_backend_pid() AS pid, 42 AS forgotten')) as [
      { pid: number },
    ];
    const diagnosis = await diagnose(['--max-transaction', '1ms']);
    const mine = diagnosis.findings.find(({ details }) => details['pid'] === row.pid);
    expect(mine).toMatchObject({ code: 'transaction-open', level: 'problem' });
    expect(mine?.cause).toMatch(/idle in transaction.*42 AS forgotten/);
    expect(mine?.cure).toContain(`SELECT pg_terminate_backend(${row.pid})`);
  });

  test('autovacuum that is off, or behind', async () => {
    await healthy();
    await playground.sql(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`);
    expect((await found('autovacuum-off')).cure).toContain('RESET (autovacuum_enabled)');
    await playground.sql(`ALTER TABLE ${table} RESET (autovacuum_enabled)`);
    await playground.sql(`UPDATE ${table} SET attempts = attempts`);
    await eventually(async () => {
      const { findings } = await diagnose(['--max-dead-rows', '0']);
      return findings.some(
        ({ code, cure }) => code === 'autovacuum-behind' && cure.includes('VACUUM "outbox"'),
      );
    });
  });

  test('a handler whose queue was deleted', async () => {
    await healthy();
    await provided();
    const channel = await playground.channel();
    await channel.deleteQueue(`${playground.name}.Invoicing.invoice`);
    const { cause, cure } = await found('handler-without-queue');
    expect(cause).toContain(`Invoicing.invoice has no queue`);
    expect(cure).toContain('npx outbox topology export');
  });

  test('a dead-letter queue that is missing, and a queue with other arguments', async () => {
    await healthy();
    await provided();
    const queue = `${playground.name}.Invoicing.invoice`;
    const channel = await playground.channel();
    await channel.deleteQueue(`${queue}.dlq`);
    await channel.deleteQueue(queue);
    await channel.assertQueue(queue, { arguments: { 'x-queue-type': 'classic' } });
    expect((await found('queue-missing')).cause).toContain(`queue "${queue}.dlq"`);
    const { cause, cure } = await found('queue-mismatch');
    expect(cause).toMatch(/has x-[a-z-]+ = .*, and the application would declare it with/);
    expect(cure).toContain(`rabbitmqctl delete_queue ${queue}`);
  });

  test('an exchange that events name and that is gone', async () => {
    const { emit } = await healthy();
    await emit('order.placed', {}, { exchange: `${playground.name}.nowhere` });
    expect((await found('exchange-missing')).cause).toContain(`exchange "${playground.name}.nowhere"`);
  });

  test('a queue that nobody consumes, though events wait there', async () => {
    const shop = await healthy();
    await shop.close();
    apps.length = 0;
    await relay();
    const { emit } = await app({ providers: [], options: { relay: { enabled: false } } });
    await emit('order.placed');
    await eventually(async () => (await states()).every((state) => state === 'published'));
    const { cause, cure } = await found('queue-unconsumed');
    expect(cause).toMatch(/Nobody consumes queue ".*\.Invoicing\.invoice" since .*; 1 wait\./);
    expect(cure).toContain('Start the process with that handler');
  });

  test('a pattern that nothing matches, and the event that found no queue: a slip of the pen', async () => {
    class Slip {
      ship(): void {}
    }
    OnEvent('order.palced')(
      Slip.prototype,
      'ship',
      Object.getOwnPropertyDescriptor(Slip.prototype, 'ship') as TypedPropertyDescriptor<() => void>,
    );
    const { emit } = await app({ providers: [Slip] });
    await eventually(() => rows(`${playground.name}.outbox_consumers`));
    const id = await emit('order.placed');
    await eventually(async () => (await states())[0] === 'published');
    const { cause, cure } = await found('pattern-unmatched');
    expect(cause).toContain(
      'No event matches "order.palced", which Slip.ship is for; but "order.placed" is emitted',
    );
    expect(cure).toContain("@OnEvent('order.placed')");
    const returned = await found('events-returned');
    expect(returned.cause).toContain(id);
    expect(returned.cause).toContain('"order.palced" is nearly it');
  });

  test('dead letters that grow, and their error', async () => {
    const { emit, app: nest } = await healthy();
    nest.get(Invoicing).broken = true;
    await emit('order.placed');
    const dlq = `${playground.name}.Invoicing.invoice.dlq`;
    const channel = await playground.channel();
    await eventually(async () => (await channel.checkQueue(dlq)).messageCount === 1);
    let emitting = true;
    const going = (async () => {
      while (emitting) {
        await emit('order.placed');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const { cause, cure, details } = await found('dead-letters', ['--watch', '1s']);
    emitting = false;
    await going;
    expect(cause).toMatch(/and growing: \d+ more within 1000 ms\. .* say: Error: the printer is on fire/);
    expect(cure).toContain(`npx outbox requeue --where ${playground.name}.Invoicing.invoice`);
    expect(details).toMatchObject({ where: `${playground.name}.Invoicing.invoice`, growing: true });
  });

  test('a RabbitMQ user with too few rights, a wrong password, and a virtual host that is not there', async () => {
    await healthy();
    await node.ctl('add_user', playground.name, 'secret');
    cleanups.push(() => node.ctl('delete_user', playground.name));
    const url = new URL(playground.rabbitUrl);
    [url.username, url.password] = [playground.name, 'secret'];
    const asUser = { where: at({ rabbit: url.href }) };
    expect((await found('broker-vhost-refused', [], asUser)).cure).toContain('rabbitmqctl set_permissions');
    await node.ctl('set_permissions', playground.name, '^$', `^${playground.name}\\.dlx$`, '^$');
    const { cause, cure } = await found('permission-missing', [], asUser);
    expect(cause).toContain(`may not publish to exchange "${playground.name}"`);
    expect(cause).toContain(`consume queue "${playground.name}.Invoicing.invoice"`);
    expect(cause).not.toContain('.dlx');
    expect(cure).toContain(`rabbitmqctl set_permissions -p '/' '${playground.name}'`);
    url.password = 'wrong';
    const refused = await found('broker-login-refused', [], { where: at({ rabbit: url.href }) });
    expect(refused.cure).toContain('change_password');
  });

  test('a clock that is wrong', async () => {
    await healthy();
    const late = 'const now = Date.now; Date.now = () => now() - 3600_000;';
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(late)}` };
    const { cause, cure } = await found('clock-difference', [], { env });
    expect(cause).toMatch(/is 1h behind the database's/);
    expect(cure).toContain('NTP');
  });

  test('a database or a RabbitMQ that cannot be reached', async () => {
    await healthy();
    const broker = await found('broker-unreachable', [], { where: at({ rabbit: 'amqp://127.0.0.1:1' }) });
    expect(broker.cause).toContain('ECONNREFUSED');
    const where = at({ database: 'postgres://127.0.0.1:1/none' });
    const diagnosis = await diagnose([], { where });
    expect(diagnosis.code).toBe(1);
    expect(diagnosis.findings.map(({ code }) => code)).toEqual(['database-unreachable']);
    expect(diagnosis.checks.find(({ check }) => check === 'broker')?.status).toBe('well');
  });
});

test('a database and a RabbitMQ that hang do not hang the doctor', async () => {
  await healthy();
  const [database, rabbit] = await Promise.all([
    TcpProxy.start(playground.databaseUrl),
    TcpProxy.start(playground.rabbitUrl),
  ]);
  cleanups.push(() => Promise.all([database.close(), rabbit.close()]));
  database.stall();
  rabbit.stall();
  const where = at({ database: database.url, rabbit: rabbit.url });
  const diagnosis = await diagnose(['--timeout', '1s'], { where, env: {} });
  expect(diagnosis.took).toBeLessThan(5_000);
  expect(diagnosis.code).toBe(1);
  expect(diagnosis.findings.map(({ code }) => code)).toEqual(['database-unanswered', 'broker-unanswered']);
});

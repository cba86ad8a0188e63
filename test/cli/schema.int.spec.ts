import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createPlayground, eventually, startApp, type Playground } from '../support/outbox-app.js';
import { cli, jsonOf } from './cli.js';

let playground: Playground;
let where: string[];

beforeAll(async () => {
  playground = await createPlayground();
  where = ['--database-url', playground.databaseUrl, '--schema', playground.name];
});
afterAll(() => playground?.close());
afterEach(async () => {
  await playground.sql(`DROP SCHEMA ${playground.name} CASCADE`);
  await playground.sql(`CREATE SCHEMA ${playground.name}`);
});

const tables = async () => {
  const rows = await playground.sql<{ name: string }>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1',
    [playground.name],
  );
  return rows.map(({ name }) => name);
};

describe('outbox status', () => {
  test('ends with 1 while there is no outbox, and with 0 once there is', async () => {
    const before = await cli(['status', ...where]);
    expect(before).toMatchObject({ code: 1, stdout: 'There is no outbox yet. Create it: outbox migrate\n' });
    await cli(['migrate', ...where]);
    const after = await cli(['status', ...where]);
    expect(after).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^The schema is up to date, at version \d+\.\n$/),
    });
  });

  test('takes a schema that is newer than this version for good: steps only add', async () => {
    await cli(['migrate', ...where]);
    await playground.sql(`INSERT INTO ${playground.name}.outbox_version (version) VALUES (99)`);
    expect(await cli(['status', ...where, '--json'])).toMatchObject({ code: 0 });
    expect(await jsonOf(['status', ...where])).toMatchObject({ found: 99, upToDate: true });
  });

  test('answers with one JSON value', async () => {
    expect(await jsonOf(['status', ...where])).toEqual({
      found: 0,
      needed: expect.any(Number),
      upToDate: false,
    });
  });
});

describe('outbox migrate', () => {
  test('creates what an application with migrate: false then starts on, and does nothing the second time', async () => {
    expect((await cli(['migrate', ...where])).stdout).toMatch(
      /^The schema is at version \d+ now; it was at 0, nothing\.\n$/,
    );
    const app = await startApp(playground, {
      options: { storage: { migrate: false }, relay: { enabled: false } },
    });
    await expect(app.emit('order.placed')).resolves.toMatch(/^[0-9a-f-]{36}$/);
    await app.close();
    expect((await cli(['migrate', ...where])).stdout).toMatch(/^Nothing to do/);
  });

  test('says with --dry-run what it would do, in SQL that does it', async () => {
    const { stdout } = await cli(['migrate', ...where, '--dry-run']);
    expect(await tables()).toEqual([]);
    await playground.sql(stdout);
    expect((await cli(['status', ...where])).code).toBe(0);
  });

  test('can be run by two deployments at once', async () => {
    const both = await Promise.all([cli(['migrate', ...where]), cli(['migrate', ...where])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
  });

  test('names tables as it is told, by option or by environment', async () => {
    await cli(['migrate', ...where, '--table', 'letters', '--inbox-table', 'seen']);
    expect(await tables()).toEqual(expect.arrayContaining(['letters', 'letters_version', 'seen']));
    const env = {
      OUTBOX_DATABASE_URL: playground.databaseUrl,
      OUTBOX_SCHEMA: playground.name,
      OUTBOX_TABLE: 'post',
    };
    expect((await cli(['migrate'], { env })).code).toBe(0);
    expect(await tables()).toEqual(expect.arrayContaining(['post', 'outbox_inbox']));
  });
});

describe('outbox stats', () => {
  test('counts what waits', async () => {
    const app = await startApp(playground, { options: { relay: { enabled: false } } });
    for (const delay of [0, 0, 60_000]) await app.emit('order.placed', {}, { delay });
    await app.close();
    expect(await jsonOf(['stats', ...where])).toMatchObject({ pending: 3, dead: 0 });
    expect((await cli(['stats', ...where])).stdout).toMatch(/^pending +3$/m);
  });

  test('tells who publishes what, and what no queue is bound for', async () => {
    const app = await startApp(playground);
    const asked = async () => (await cli(['stats', ...where])).stdout;
    expect(await asked()).toMatch(/^pending +0$/m);
    await app.emit('nobody.listens');
    await app.relay.drain();
    app.relay.pause();
    const paused = await eventually(async () => {
      const text = await asked();
      return text.includes('paused') && text.includes('nobody.listens') ? text : undefined;
    });
    expect(paused).toMatch(/^relay +host +pid +lanes +published\/s +failed\/s +state$/m);
    expect(paused).toMatch(new RegExp(` ${process.pid} +0 .* paused$`, 'm'));
    expect(paused).toMatch(
      /^No queue is bound for:\nrouting key +exchange +returned\nnobody\.listens +- +1$/m,
    );
    app.relay.resume();
    await eventually(async () => new RegExp(` ${process.pid} +16 .* at work$`, 'm').test(await asked()));
    expect(await jsonOf(['stats', ...where])).toMatchObject({
      owners: [
        { pid: process.pid, breaker: 'closed', returned: [{ routingKey: 'nobody.listens', count: 1 }] },
      ],
    });
    await app.close();
    expect(await asked()).toContain('No relay is running: nothing is published.');
  });

  test('ends with 3, and says what to do, where there is no outbox', async () => {
    expect(await cli(['stats', ...where])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('is at version 0'),
    });
  });
});

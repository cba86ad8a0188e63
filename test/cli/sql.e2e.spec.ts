import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createPlayground, startApp, type Playground } from '../support/outbox-app.js';

const script = new URL('../../dist/lib/cli/outbox.js', import.meta.url).pathname;
const outbox = (...args: string[]) => promisify(execFile)(process.execPath, [script, ...args]);
const failing = (...args: string[]) =>
  outbox(...args).then(
    () => Promise.reject(new Error('it did not fail')),
    (error: { code: number; stderr: string }) => error,
  );

describe('outbox sql', () => {
  let playground: Playground;

  beforeAll(async () => {
    playground = await createPlayground();
  });

  afterAll(() => playground?.close());

  test('prints what an application with migrate: false then starts on', async () => {
    const { stdout } = await outbox('sql', '--schema', playground.name);
    await playground.sql(stdout);
    const app = await startApp(playground, {
      options: { storage: { schema: playground.name, migrate: false }, relay: { enabled: false } },
    });
    await expect(app.emit('order.placed')).resolves.toMatch(/^[0-9a-f-]{36}$/);
    await app.close();
  });

  test('prints nothing for a schema that is up to date', async () => {
    expect((await outbox('sql', '--from', '1')).stdout).toBe('');
  });

  test('says which version it takes, and what else it can do', async () => {
    expect(await failing('sql', '--from', 'soon')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--from must be a version from 0 to'),
    });
    expect(await failing('sql', '--database', 'oracle')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Allowed choices are postgres'),
    });
    expect((await outbox('sql', '--help')).stdout).toContain('--inbox-table');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createPlayground, startApp, type Playground } from '../support/outbox-app.js';
import { spawned } from './cli.js';

/** Of the repository, so that files in it find TypeORM. */
const repository = new URL('../..', import.meta.url).pathname;

describe('outbox sql', () => {
  let playground: Playground;

  beforeAll(async () => {
    playground = await createPlayground();
  });

  afterAll(() => playground?.close());

  test('prints what an application with migrate: false then starts on', async () => {
    const { stdout } = await spawned(['sql', '--schema', playground.name]);
    await playground.sql(stdout);
    const app = await startApp(playground, {
      options: { storage: { migrate: false }, relay: { enabled: false } },
    });
    await expect(app.emit('order.placed')).resolves.toMatch(/^[0-9a-f-]{36}$/);
    await app.close();
  });

  test('prints nothing for a schema that is up to date', async () => {
    expect(await spawned(['sql', '--from', '1'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('says which version it takes, and what else it can do', async () => {
    expect(await spawned(['sql', '--from', 'soon'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('It must be a version from 0 to'),
    });
    expect(await spawned(['sql', '--database', 'oracle'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Allowed choices are postgres'),
    });
    expect((await spawned(['sql', '--help'])).stdout).toContain('--inbox-table');
  });
});

describe('a data source file', () => {
  let playground: Playground;
  let folder: string;

  beforeAll(async () => {
    playground = await createPlayground();
    folder = await mkdtemp(path.join(repository, '.cache-data-source-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await playground?.close();
  });

  const options = (more = '') =>
    `{ type: 'postgres', url: process.env.URL, schema: process.env.SCHEMA, logging: true, ${more} }`;

  async function status(name: string, code: string) {
    const file = path.join(folder, name);
    await writeFile(file, code);
    return spawned(['status', '-d', file, '--json'], {
      URL: playground.databaseUrl,
      SCHEMA: playground.name,
    });
  }

  test.each([
    [
      'an ES module with a default export',
      'a.mjs',
      `import { DataSource } from 'typeorm'; export default new DataSource(${options()});`,
    ],
    [
      'an ES module with a named export',
      'b.mjs',
      `import { DataSource } from 'typeorm'; export const AppDataSource = new DataSource(${options()});`,
    ],
    [
      'an ES module that exports one twice',
      'c.mjs',
      `import { DataSource } from 'typeorm'; export const one = new DataSource(${options()}); export default one;`,
    ],
    [
      'an ES module that exports a promise of one',
      'd.mjs',
      `import { DataSource } from 'typeorm'; export default Promise.resolve(new DataSource(${options()}));`,
    ],
    [
      'an ES module that has connected already',
      'e.mjs',
      `import { DataSource } from 'typeorm'; export default await new DataSource(${options('logging: false')}).initialize();`,
    ],
    [
      'CommonJS with module.exports',
      'f.cjs',
      `const { DataSource } = require('typeorm'); module.exports = new DataSource(${options()});`,
    ],
    [
      'CommonJS with a named export, as TypeScript compiles it',
      'g.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true }); const { DataSource } = require('typeorm'); exports.AppDataSource = new DataSource(${options()});`,
    ],
    [
      'CommonJS with a default export, as TypeScript compiles it',
      'h.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true }); const { DataSource } = require('typeorm'); exports.default = new DataSource(${options()});`,
    ],
  ])('may be %s, and its logging stays out of the answer', async (_what, name, code) => {
    const outcome = await status(name, code);
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ found: 0, upToDate: false });
  });

  test('gives the schema of the tables', async () => {
    const file = path.join(folder, 'i.mjs');
    await writeFile(
      file,
      `import { DataSource } from 'typeorm'; export default new DataSource(${options()});`,
    );
    const env = { URL: playground.databaseUrl, SCHEMA: playground.name };
    expect(await spawned(['migrate', '-d', file], env)).toMatchObject({ code: 0, stderr: '' });
    expect(await playground.sql(`SELECT count(*)::int AS n FROM ${playground.name}.outbox`)).toEqual([
      { n: 0 },
    ]);
  });

  test('without a data source, with two, or with an error is refused, saying so', async () => {
    expect(await status('j.mjs', 'export const nothing = 1;')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it exports 0.'),
    });
    const two = `import { DataSource } from 'typeorm'; export const a = new DataSource(${options()}); export const b = new DataSource(${options()});`;
    expect(await status('k.mjs', two)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it exports 2.'),
    });
    expect(await status('l.mjs', 'throw new Error("no configuration");')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no configuration'),
    });
  });

  test('in TypeScript needs a loader, and the error says how to give it', async () => {
    const outcome = await status('m.ts', 'export const nothing: number = 1;');
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toMatch(/NODE_OPTIONS='--import tsx'|it exports 0/);
  });
});

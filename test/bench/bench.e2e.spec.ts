import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { databaseUrl, rabbitUrl } from '../support/services.js';

const exec = promisify(execFile);
const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));

/** How fast it is, is said by `npm run bench`, on a machine that does nothing else. */
test('the benchmark of the relay runs behind a pooler that pools by transaction', async () => {
  const env = { ...process.env, DATABASE_URL: databaseUrl(), RABBITMQ_URL: rabbitUrl() };
  const options = { env: { ...env, BENCH_EVENTS: '5000', BENCH_ROUNDS: '1' } };
  const { stdout } = await exec(process.execPath, [RUN, 'relay', '--pooler', '--json'], options);
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { ratios: Record<string, number> };
  for (const name of ['published', 'kept', 'keyed']) expect(report.ratios[name]).toBeGreaterThan(0);
}, 120_000);

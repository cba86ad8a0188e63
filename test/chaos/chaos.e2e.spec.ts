import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { databaseUrl, rabbitUrl } from '../support/services.js';

const exec = promisify(execFile);
const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));
const MINUTES = 60_000;

interface Report {
  events: number;
  faults: number;
  lost: number;
  unexplained: number;
  inversions: number;
}

interface Outputs {
  stdout: string;
  stderr: string;
}

/** Rejects, with all that it said, when a scenario has found something. */
async function chaos(name: string, ...settings: string[]): Promise<Report> {
  const env = { ...process.env, DATABASE_URL: databaseUrl(), RABBITMQ_URL: rabbitUrl() };
  const args = [RUN, name, '--patience', '5', '--json', ...settings];
  const { stdout } = await exec(process.execPath, args, { env, timeout: 2.5 * MINUTES }).catch(
    (error: Error & Outputs) => {
      throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`);
    },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report;
}

/** The short forms; `npm run chaos` has the long ones. */
describe('chaos', () => {
  test.each([
    ['', []],
    [', with a pooler between them and the database', ['--pooler']],
  ])(
    'of relays that come and go, are killed, frozen and cut off%s: nothing is lost, keys keep their order, and what comes twice was in flight',
    async (_, settings) => {
      const report = await chaos('relay', '--events', '10000', ...settings);
      expect(report).toMatchObject({ lost: 0, unexplained: 0, inversions: 0 });
      expect(report.events).toBeGreaterThanOrEqual(10_000);
      expect(report.faults).toBeGreaterThan(3);
    },
    3 * MINUTES,
  );

  test(
    'of consumers that are killed: effects are there once, keys keep their order, and nothing is lost',
    async () => {
      const report = await chaos('consume', '--events', '1500');
      expect(report).toMatchObject({ events: 9_000, lost: 0, unexplained: 0, inversions: 0 });
      expect(report.faults).toBeGreaterThan(0);
    },
    3 * MINUTES,
  );

  test(
    'of the broker, stopped and then blocked under load: nothing is lost, no attempt is spent, memory stays flat',
    async () => {
      const report = await chaos('broker', '--seconds', '4', '--rate', '200');
      expect(report).toMatchObject({ lost: 0, unexplained: 0, inversions: 0 });
      expect(report.events).toBeGreaterThan(2_000);
    },
    3 * MINUTES,
  );

  test(
    'of the database, restarted fast, immediately and by a kill under load: nothing is lost, no attempt is spent',
    async () => {
      const report = await chaos('database', '--seconds', '1', '--rate', '200');
      expect(report).toMatchObject({ lost: 0, unexplained: 0, inversions: 0 });
      expect(report.events).toBeGreaterThan(500);
    },
    3 * MINUTES,
  );
});

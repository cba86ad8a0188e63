import { settledWithin } from '../../policy/deadline.js';
import { brokerCheck } from './checks/broker.js';
import { clockCheck } from './checks/clock.js';
import { deadLettersCheck, deadRowsCheck } from './checks/dead-letters.js';
import { lagCheck } from './checks/lag.js';
import { patternsCheck } from './checks/patterns.js';
import { permissionsCheck } from './checks/permissions.js';
import { queuesCheck } from './checks/queues.js';
import { relaysCheck } from './checks/relays.js';
import { returnedCheck } from './checks/returned.js';
import { schemaCheck } from './checks/schema.js';
import { transactionsCheck } from './checks/transactions.js';
import { vacuumCheck } from './checks/vacuum.js';
import {
  CHECKS,
  problem,
  Skipped,
  type CheckName,
  type CheckResult,
  type Diagnosis,
  type Finding,
  type Found,
  type Look,
} from './diagnosis.js';
import { Facts, type DoctorParts } from './facts.js';
import { thresholdsFrom, type DoctorOptions } from './thresholds.js';

/** Finds out what is wrong with an outbox, and what to do about it. Changes nothing. */
export class OutboxDoctor {
  constructor(private readonly parts: DoctorParts) {}

  /**
   * Looks at everything. Never rejects for what it finds, be it a database or a broker that does not answer.
   * @throws {InvalidOptionError}
   */
  async diagnose(options: DoctorOptions = {}): Promise<Diagnosis> {
    const began = performance.now();
    const round = new Round(new Facts(this.parts, thresholdsFrom(options)));
    const { findings, checks } = await round.all();
    return {
      healthy: findings.every(({ level }) => level !== 'problem'),
      findings: findings.toSorted((one, other) => rank(one) - rank(other)),
      checks,
      took: Math.round(performance.now() - began),
    };
  }
}

const rank = ({ level, check }: Finding): number =>
  (level === 'problem' ? 0 : CHECKS.length) + CHECKS.indexOf(check);

type Check = (facts: Facts) => Promise<Look>;

/** One diagnosis under way. What cannot be looked at because of something else is told of once. */
class Round {
  private readonly results = new Map<CheckName, { check: CheckResult; findings: Finding[] }>();

  constructor(private readonly facts: Facts) {}

  async all(): Promise<Pick<Diagnosis, 'findings' | 'checks'>> {
    const [database, broker] = await Promise.all([
      this.make('database', databaseCheck),
      this.make('broker', brokerCheck),
    ]);
    const schema = database && (await this.make('schema', schemaCheck));
    const noTables = database
      ? 'there are no tables of this version'
      : 'the database does not answer, or is read-only';
    const noBroker = 'RabbitMQ does not answer';
    await Promise.all([
      this.make('transactions', transactionsCheck, !database && noTables),
      this.make('relays', relaysCheck, !schema && noTables),
      this.make('lag', lagCheck, !schema && noTables),
      this.make('vacuum', vacuumCheck, !schema && noTables),
      this.make('clock', clockCheck, !schema && noTables),
      this.make('patterns', patternsCheck, !schema && noTables),
      this.make('returned', returnedCheck, !schema && noTables),
      this.make('permissions', permissionsCheck, !schema ? noTables : !broker && noBroker),
      this.make('queues', queuesCheck, !schema ? noTables : !broker && noBroker),
      this.make('dead-letters', broker ? deadLettersCheck : deadRowsCheck, !schema && noTables),
    ]);
    if (!this.results.has('schema')) await this.make('schema', schemaCheck, noTables);
    const results = CHECKS.map((name) => this.results.get(name)).filter((result) => result !== undefined);
    return {
      findings: results.flatMap(({ findings }) => findings),
      checks: results.map(({ check }) => check),
    };
  }

  /** Resolves to whether nothing is the matter. */
  private async make(name: CheckName, check: Check, insteadOf: string | false = false): Promise<boolean> {
    const look = insteadOf === false ? await this.look(name, check) : new Skipped(insteadOf);
    if (look instanceof Skipped) {
      this.results.set(name, {
        check: { check: name, status: 'skipped', remark: look.message },
        findings: [],
      });
      return false;
    }
    const findings = look.findings.map((found) => ({ check: name, ...found }));
    const problems = findings.some(({ level }) => level === 'problem');
    const status = problems ? 'problem' : findings.length > 0 ? 'notice' : 'well';
    this.results.set(name, { check: { check: name, status, remark: look.remark ?? null }, findings });
    return !problems;
  }

  private async look(name: CheckName, check: Check): Promise<Look | Skipped> {
    const { timeout } = this.facts.thresholds;
    const looking = check(this.facts);
    if (!(await settledWithin(looking, timeout))) return unanswered(name, timeout);
    return looking.catch((error: unknown) =>
      error instanceof Skipped ? error : failed(name, (error as Error).message),
    );
  }
}

async function databaseCheck({ parts }: Facts): Promise<Look> {
  try {
    await parts.ready?.();
    const why = await parts.store.readOnly();
    return { findings: why === null ? [] : [readOnly(why)] };
  } catch (error) {
    const { message, errors } = error as Error & { errors?: Error[] };
    const reason = message || errors?.map((one) => one.message).join('; ');
    return {
      findings: [
        problem(
          'database-unreachable',
          `The database cannot be asked: ${reason}. Nothing can be emitted, published, or handled with an inbox.`,
          'See that it runs and that its address, user and password are right; and that it has connections left (max_connections).',
          { reason },
        ),
      ],
    };
  }
}

const readOnly = (why: 'standby' | 'setting'): Found =>
  problem(
    'database-read-only',
    `${why === 'standby' ? 'This server is a standby, perhaps since a failover' : 'Sessions of this database or user are read-only (default_transaction_read_only)'}: nothing can be emitted, published, or handled with an inbox. No attempt is spent, and nothing is lost.`,
    why === 'standby'
      ? 'Point the data source at the primary; or promote this server, if it is to be that: SELECT pg_promote().'
      : 'Somebody has set it on purpose, most often for want of disk space. When that is over: ALTER DATABASE or ALTER ROLE … RESET default_transaction_read_only, or correct postgresql.conf; then restart what is connected.',
    { why },
  );

/** The database and the broker themselves are the first to be asked, and say most. */
function unanswered(name: CheckName, timeout: number): Look {
  const whom = name === 'broker' ? 'RabbitMQ' : 'The database';
  const cause =
    name === 'broker' || name === 'database'
      ? `${whom} has not answered within ${timeout} ms.`
      : `This could not be looked at within ${timeout} ms.`;
  const cure =
    name === 'broker'
      ? 'See whether that machine is overloaded or cut off (rabbitmq-diagnostics check_running), and what stands between.'
      : 'See whether the database is overloaded, out of connections or cut off, and what it waits for (pg_stat_activity), or RabbitMQ (rabbitmq-diagnostics check_running); give --timeout more if they are merely slow.';
  return { findings: [problem(`${name}-unanswered`, cause, cure, { timeout })] };
}

const failed = (name: CheckName, message: string): Look => ({
  findings: [
    problem(
      `${name}-failed`,
      `This could not be looked at: ${message}`,
      'What the message names; a right that the user lacks, most often.',
      { message },
    ),
  ],
});

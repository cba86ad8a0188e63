import type { Command } from 'commander';
import type { Diagnosis, Finding } from '../../admin/doctor/diagnosis.js';
import type { OutboxDoctor } from '../../admin/doctor/doctor.js';
import type { DoctorOptions } from '../../admin/doctor/thresholds.js';
import { DEFAULT_OUTBOX, getOutboxDoctorToken } from '../../outbox.tokens.js';
import { settledWithin } from '../../policy/deadline.js';
import { durationText } from '../../policy/duration.js';
import { appOption, withOutboxName } from '../application-options.js';
import { withPart } from '../application.js';
import { withBroker, type OutboxFlags } from '../broker-options.js';
import { EXIT } from '../exit-code.js';
import { duration, numberFrom } from '../number.js';
import { withDoctor } from '../operator.js';
import { answer, plainLine } from '../output.js';
import type { Run } from '../run.js';
import { withJson, type JsonFlag } from '../storage-options.js';
import { UsageError } from '../usage-error.js';

/** How long the application may take to start, be examined and stop, in milliseconds. */
const MOST_WITH_APP = 60_000;

interface DoctorFlags extends OutboxFlags, DoctorOptions, JsonFlag {
  readonly app?: string;
  readonly outbox: string;
}

const EXAMPLES = `
Looks at the database and at RabbitMQ, and tells what is wrong, why, and what to do. Changes nothing, and ends within half a
minute whatever hangs. Ends with 1 if there is a problem; notices are no problems.
  npx outbox doctor -d dist/data-source.js
  npx outbox doctor --json | jq -r '.findings[].code'

Which handlers there are it knows from the record in the database, where processes with handlers say what they consume. With
--app it asks the application itself instead, which also tells of handlers that have never run; the application is started
for that, idle, and knows where its database and RabbitMQ are:
  npx outbox doctor --app dist/app.module.js#AppModule

Permissions are looked at for the user of the RabbitMQ URL, and for a process that relays and consumes. For others set
OUTBOX_RELAY_ENABLED=false or OUTBOX_CONSUMERS_ENABLED=false, as they have it.`;

export function addDoctor(program: Command, run: Run): void {
  const command = program
    .command('doctor')
    .description('Find out what is wrong, why, and what to do about it.')
    .addOption(appOption());
  withJson(withBroker(withOutboxName(command)))
    .option('--max-lag <duration>', 'how old the oldest event that is due may be', duration, '1m')
    .option('--max-transaction <duration>', 'how long a transaction may be open', duration, '5m')
    .option('--max-clock-difference <duration>', 'how far clocks may differ', duration, '5s')
    .option(
      '--max-dead-rows <number>',
      'how many dead rows autovacuum may leave',
      numberFrom(0, 1_000_000_000),
      100_000,
    )
    .option('--timeout <duration>', 'how long each look may take', duration, '10s')
    .option('--watch <duration>', 'how long to watch whether dead-letter queues grow', duration, '1s')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DoctorFlags) => {
      const diagnosis = await diagnose(flags, run);
      if (!diagnosis.healthy) run.exitCode = EXIT.bad;
      answer(run.io, flags, diagnosis, () => described(diagnosis));
    });
}

async function diagnose(flags: DoctorFlags, { io }: Run): Promise<Diagnosis> {
  const { maxLag, maxTransaction, maxClockDifference, maxDeadRows, timeout, watch } = flags;
  const options = { maxLag, maxTransaction, maxClockDifference, maxDeadRows, timeout, watch };
  const ask = (doctor: OutboxDoctor) => doctor.diagnose(options as DoctorOptions);
  const { app, outbox } = flags;
  if (app === undefined) {
    if (outbox !== DEFAULT_OUTBOX)
      throw new UsageError('Which outbox --outbox names only the application knows: give --app, too.');
    return withDoctor(flags, io, ask);
  }
  const given = WHERE.filter((name) => flags[name] !== undefined);
  if (given.length > 0)
    throw new UsageError(
      'With --app the application knows where its database and RabbitMQ are; leave out -d, --database-url, --schema, ' +
        '--table, --inbox-table, --rabbitmq-url and --exchange.',
    );
  const asking = withPart<OutboxDoctor, Diagnosis>({ app, outbox }, getOutboxDoctorToken, io, ask);
  if (!(await settledWithin(asking, MOST_WITH_APP)))
    throw new Error(
      `The application of ${app} has not started, answered and stopped within ${durationText(MOST_WITH_APP)}. ` +
        'Without --app the doctor needs but the database and RabbitMQ.',
    );
  return asking;
}

const WHERE = [
  'dataSource',
  'databaseUrl',
  'schema',
  'table',
  'inboxTable',
  'rabbitmqUrl',
  'exchange',
] as const;

function described({ findings, checks }: Diagnosis): string {
  const of = (status: string) => checks.filter((check) => check.status === status);
  const line = ({ check, remark }: Diagnosis['checks'][number]) =>
    `  ${check.padEnd(13)}${remark === null ? '' : plainLine(remark)}`.trimEnd();
  const section = (title: string, status: string) =>
    of(status).length === 0 ? [] : [title, ...of(status).map(line), ''];
  return [
    ...findings.flatMap((finding) => [...told(finding), '']),
    ...section('well:', 'well'),
    ...section('not looked at:', 'skipped'),
    summary(findings),
  ].join('\n');
}

const told = ({ level, check, code, cause, cure }: Finding): string[] => [
  `${level === 'problem' ? 'PROBLEM' : 'notice'}  ${check} (${code})`,
  `  ${plainLine(cause)}`,
  `  → ${plainLine(cure)}`,
];

function summary(findings: readonly Finding[]): string {
  const problems = findings.filter(({ level }) => level === 'problem').length;
  const notices = findings.length - problems;
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  if (findings.length === 0) return 'All is well.';
  if (problems === 0) return `All is well, with ${counted(notices, 'notice')}.`;
  return `${counted(problems, 'problem')}${notices > 0 ? `, ${counted(notices, 'notice')}` : ''}.`;
}

import { Command, CommanderError } from 'commander';
import { BrokerUnavailableError } from '../errors/broker-unavailable.error.js';
import { InvalidDeadLetterFilterError } from '../errors/invalid-dead-letter-filter.error.js';
import { InvalidOptionError } from '../errors/invalid-option.error.js';
import { OutboxError } from '../errors/outbox.error.js';
import { SchemaOutdatedError } from '../errors/schema-outdated.error.js';
import { DatabaseError } from './database-error.js';
import { EXIT, type ExitCode } from './exit-code.js';
import type { Io } from './io.js';
import type { Run } from './run.js';
import { UsageError } from './usage-error.js';

/** Runs one command. Resolves to the exit code; never rejects. */
export async function runOutbox(args: readonly string[], io: Io): Promise<ExitCode> {
  const run: Run = { io, exitCode: EXIT.ok };
  try {
    const program = await programFor(run, args[0]);
    await program.parseAsync(args, { from: 'user' });
    return run.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    report(error, args, io);
    return io.signal.aborted ? EXIT.interrupted : exitCodeOf(error);
  }
}

/** With the command that is asked for; with all of them, when it is not one of them: for help, and for what is meant. */
async function programFor(run: Run, asked = ''): Promise<Command> {
  const { io } = run;
  const program = new Command('outbox')
    .description('Looks after the outbox of nestjs-rabbitmq-outbox.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .showHelpAfterError('(outbox <command> --help shows what it takes, with examples)')
    .addHelpText('after', GUIDE);
  const names = Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS);
  for (const name of names) {
    const add = await COMMANDS[name]?.();
    add?.(program, run);
  }
  return program;
}

/** Each is loaded when it is asked for: what some of them stand on takes longer to load than others to answer. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command, run: Run) => void>>> = {
  migrate: async () => (await import('./commands/migrate.js')).addMigrate,
  status: async () => (await import('./commands/status.js')).addStatus,
  sql: async () => (await import('./commands/sql.js')).addSql,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  stats: async () => (await import('./commands/stats.js')).addStats,
  list: async () => (await import('./commands/list.js')).addList,
  show: async () => (await import('./commands/show.js')).addShow,
  requeue: async () => (await import('./commands/requeue.js')).addRequeue,
  purge: async () => (await import('./commands/purge.js')).addPurge,
  prune: async () => (await import('./commands/prune.js')).addPrune,
  relay: async () => (await import('./commands/relay.js')).addRelay,
  topology: async () => (await import('./commands/topology.js')).addTopology,
};

const GUIDE = `
Where the outbox is:
  -d, --data-source <file>   the file you give TypeORM's own commands
  --database-url <url>       else OUTBOX_DATABASE_URL, else DATABASE_URL
  --rabbitmq-url <url>       else OUTBOX_RABBITMQ_URL, else RABBITMQ_URL
  Other OUTBOX_* variables (OUTBOX_SCHEMA, OUTBOX_TABLE, OUTBOX_EXCHANGE, …) are heeded as in the application.

What needs your handlers starts your application, idle:
  --app <file#class>         its compiled module, as dist/app.module.js#AppModule

Exit codes:
  0 done    1 done, and the answer is bad    2 wrong usage    3 database    4 RabbitMQ    5 anything else    130 interrupted`;

/** With `--json` an error is JSON, too; on stderr, so that stdout holds answers only. */
function report(error: unknown, args: readonly string[], io: Io): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof OutboxError ? error.code : undefined;
  if (args.includes('--json')) return io.err(`${JSON.stringify({ error: { code, message } })}\n`);
  io.err(`error: ${message}\n`);
  if (io.env['OUTBOX_DEBUG'] && stack) io.err(`${stack}\n`);
}

const USAGE = [UsageError, InvalidOptionError, InvalidDeadLetterFilterError];

function exitCodeOf(error: unknown): ExitCode {
  if (USAGE.some((type) => error instanceof type)) return EXIT.usage;
  if (error instanceof DatabaseError || error instanceof SchemaOutdatedError) return EXIT.database;
  if (error instanceof BrokerUnavailableError) return EXIT.broker;
  return EXIT.failed;
}

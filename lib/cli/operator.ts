import type { Logger, LoggerService } from '@nestjs/common';
import type { OutboxOptions } from '../options/options.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ResolvedOptions } from '../options/schema.js';
import { assemble, close, halt, start, type OutboxParts } from '../outbox.assembly.js';
import { settledWithin } from '../policy/deadline.js';
import type { OutboxFlags } from './broker-options.js';
import type { Io } from './io.js';
import type { OutboxDoctor } from '../admin/doctor/doctor.js';
import { dataSourceOf } from './open-data-source.js';
import { withDatabase } from './storage.js';

/** How long to wait for connections to end, in milliseconds. */
const GOODBYE = 2_000;

/** The outbox as the flags and the environment describe it. */
export function optionsFrom(
  flags: OutboxFlags,
  { env }: Pick<Io, 'env'>,
  more: Partial<OutboxOptions> = {},
): ResolvedOptions {
  const { schema, table, inboxTable, exchange } = flags;
  const url =
    flags.rabbitmqUrl ?? (env['OUTBOX_RABBITMQ_URL'] ? undefined : env['RABBITMQ_URL'] || undefined);
  return resolveOptions(
    {
      ...more,
      service: more.service ?? (env['OUTBOX_SERVICE'] || 'outbox'),
      rabbitmq: { ...more.rabbitmq, url, exchange },
      storage: { schema, table, inboxTable, migrate: false },
    },
    env,
  );
}

/**
 * An outbox that neither relays nor consumes, for those who look after it.
 * @throws {DatabaseError} when the database cannot be reached, or refuses
 * @throws {SchemaOutdatedError} when there is no outbox of this version
 */
export function withOutbox<T>(
  flags: OutboxFlags,
  io: Io,
  work: (parts: OutboxParts) => Promise<T>,
): Promise<T> {
  const options = optionsFrom(flags, io, { rabbitmq: { topology: 'none' } });
  return withDatabase(flags, io, async ({ dataSource }) => {
    await logToStderr(io);
    const parts = await assemble('default', options, dataSource, undefined);
    try {
      return await work(parts);
    } finally {
      await settledWithin(close(parts), options.shutdownTimeout);
    }
  });
}

/** An outbox that relays, and does nothing else: a process of its own. */
export function withRelay<T>(
  flags: OutboxFlags & { readonly service?: string; readonly json?: boolean },
  io: Io,
  work: (relay: StandaloneRelay) => Promise<T>,
): Promise<T> {
  const { service } = flags;
  const roles = { relay: { enabled: true }, consumers: { enabled: false } };
  const options = optionsFrom(flags, io, { ...roles, ...(service !== undefined && { service }) });
  return withDatabase(flags, io, async ({ dataSource }) => {
    const { ConsoleLogger, Logger } = await import('@nestjs/common');
    Logger.overrideLogger(new ConsoleLogger({ json: flags.json ?? false, colors: io.live }));
    const parts = await assemble('default', options, dataSource, undefined);
    const stop = async () => {
      await halt(parts);
      return parts.relay.finished(options.shutdownTimeout);
    };
    try {
      return await work({
        parts,
        logger: new Logger('outbox'),
        start: () => start(parts, []),
        stop,
      });
    } finally {
      await settledWithin(close(parts), options.shutdownTimeout + GOODBYE);
    }
  });
}

export interface StandaloneRelay {
  readonly parts: OutboxParts;
  readonly logger: Pick<Logger, 'log' | 'warn'>;
  /** @throws {TopologyMissingError | TopologyMismatchError} when RabbitMQ is there, but not as it must be */
  start(this: void): Promise<void>;
  /** Resolves to whether all that was on its way has been settled. */
  stop(this: void): Promise<boolean>;
}

/** Whatever the database and RabbitMQ are like: that is what the doctor is asked about. */
export async function withDoctor<T>(
  flags: OutboxFlags,
  io: Io,
  work: (doctor: OutboxDoctor) => Promise<T>,
): Promise<T> {
  const options = optionsFrom(flags, io);
  const dataSource = await dataSourceOf(flags, io);
  await logToStderr(io);
  const parts = await assemble('default', { ...options, idle: true }, dataSource, undefined);
  try {
    return await work(
      parts.doctorFor(() => [], {
        ready: () => dataSource.initialize(),
        isExchangeGuessed: flags.exchange === undefined && !io.env['OUTBOX_EXCHANGE'],
      }),
    );
  } finally {
    // What hangs must not keep us: the process ends soon after its answer.
    const closing = close(parts).then(() => (dataSource.isInitialized ? dataSource.destroy() : undefined));
    await settledWithin(closing, GOODBYE);
  }
}

/** Answers have stdout for themselves. What goes wrong is told by errors; the log is for those who look for more. */
async function logToStderr(io: Io): Promise<void> {
  const { Logger } = await import('@nestjs/common');
  const nothing = () => undefined;
  const tell = io.env['OUTBOX_DEBUG'] ? (message: unknown) => io.err(`${String(message)}\n`) : nothing;
  Logger.overrideLogger({ log: tell, warn: tell, error: tell } as LoggerService);
}

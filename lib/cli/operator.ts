import type { LoggerService } from '@nestjs/common';
import type { OutboxOptions } from '../options/options.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ResolvedOptions } from '../options/schema.js';
import { assemble, close, type OutboxParts } from '../outbox.assembly.js';
import { settledWithin } from '../policy/deadline.js';
import type { OutboxFlags } from './broker-options.js';
import type { Io } from './io.js';
import { withDatabase } from './storage.js';

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

/** Answers have stdout for themselves. What goes wrong is told by errors; the log is for those who look for more. */
async function logToStderr(io: Io): Promise<void> {
  const { Logger } = await import('@nestjs/common');
  const nothing = () => undefined;
  const tell = io.env['OUTBOX_DEBUG'] ? (message: unknown) => io.err(`${String(message)}\n`) : nothing;
  Logger.overrideLogger({ log: tell, warn: tell, error: tell } as LoggerService);
}

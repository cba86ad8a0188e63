import { PluginMissingError } from '../../errors/plugin-missing.error.js';
import type { RabbitConnection } from './connection.js';
import type { ExchangeDefinition } from './definitions.js';

const PLUGIN = 'rabbitmq_consistent_hash_exchange';
const CONNECT_TIMEOUT = 5_000;
/** The broker says why it has ended a connection, and the call that made it do so fails first; in ms. */
const REASON_TIMEOUT = 1_000;

/**
 * Declares an exchange of a type that the broker may not know: it answers that by ending the whole connection, which must
 * not be one that others consume on.
 * @throws {PluginMissingError}
 */
export async function declareApart(
  connect: () => RabbitConnection,
  { name, type, arguments: args }: ExchangeDefinition,
): Promise<void> {
  const connection = connect();
  const ended = new Promise<Error>((resolve) => connection.listen({ disconnected: resolve }));
  try {
    await connection.firstAttempt(CONNECT_TIMEOUT);
    const channel = await connection.openChannel();
    channel.on('error', () => undefined); // The rejection says the same.
    await channel.assertExchange(name, type, { durable: true, arguments: args });
  } catch (error) {
    const reason = await Promise.race([ended, sleep(REASON_TIMEOUT)]);
    if (reason && UNKNOWN_TYPE.test(reason.message))
      throw new PluginMissingError(PLUGIN, name, { cause: reason });
    throw error;
  } finally {
    await connection.close();
  }
}

const UNKNOWN_TYPE = /COMMAND.INVALID.*exchange type/i;

const sleep = (ms: number) => new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined).unref());

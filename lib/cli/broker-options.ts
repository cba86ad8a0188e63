import type { Command } from 'commander';
import { withStorage, type StorageFlags } from './storage-options.js';

/** Where the tables and RabbitMQ are. */
export interface OutboxFlags extends StorageFlags {
  readonly rabbitmqUrl?: string;
  readonly exchange?: string;
}

/** The options of every command that needs both. */
export const withBroker = (command: Command): Command =>
  withStorage(command)
    .option('--rabbitmq-url <url>', 'AMQP URL (default: that of a local RabbitMQ)')
    .option('--exchange <name>', 'exchange that events are published to (default: "events")');

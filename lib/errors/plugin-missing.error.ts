import { OutboxError } from './outbox.error.js';

/** A handler has partitions, and RabbitMQ's plugin that they need is not enabled. */
export class PluginMissingError extends OutboxError {
  readonly code = 'OUTBOX_PLUGIN_MISSING';

  constructor(
    readonly plugin: string,
    readonly exchange: string,
    options?: ErrorOptions,
  ) {
    super(
      `RabbitMQ cannot declare exchange "${exchange}", which spreads keys over partitions: its plugin ${plugin} is not ` +
        `enabled. Enable it on every node (rabbitmq-plugins enable ${plugin}), or take the option partitions off the handler.`,
      options,
    );
  }
}

import { OutboxError } from './outbox.error.js';

/** A channel ended while messages on it were unconfirmed: their fate is unknown. */
export class ChannelLostError extends OutboxError {
  readonly code = 'OUTBOX_CHANNEL_LOST';

  constructor(
    message: string,
    /** The broker closed it because of something published on it, not because the connection went. */
    readonly byBroker: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

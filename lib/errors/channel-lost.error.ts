import { OutboxError } from './outbox.error.js';

/** A channel ended while messages on it were unconfirmed: their fate is unknown. */
export class ChannelLostError extends OutboxError {
  readonly code = 'OUTBOX_CHANNEL_LOST';
  /** The exchange the broker closed it over: it does not exist, or we may not publish to it. */
  readonly exchange: string | undefined;

  constructor(
    message: string,
    /** The broker closed it because of something published on it, not because the connection went. */
    readonly byBroker: boolean,
    options?: ErrorOptions & { exchange?: string | undefined },
  ) {
    super(message, options);
    this.exchange = options?.exchange;
  }
}

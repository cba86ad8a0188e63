import { IntrinsicException } from '@nestjs/common';
import type { Duration } from '../policy/duration.js';

/*
 * What a handler can throw to decide for itself. `IntrinsicException`: Nest does not log them, they are not mishaps.
 */

/** Throw it to try again later, even if the handler's retries are used up or switched off. */
export class Retry extends IntrinsicException {
  override readonly name = 'Retry';
  /**
   * Wait before the next attempt, rounded up to a step of a short ladder, at most 30 days. Default: the policy's next
   * delay, or 1 s.
   */
  readonly delay: Duration | undefined;

  constructor(reason = 'the handler asked for a retry', options: ErrorOptions & { delay?: Duration } = {}) {
    super(reason, options);
    this.delay = options.delay;
  }
}

/** Throw it to drop the event on purpose: it is acked, counted as aborted, and never seen again. */
export class Abort extends IntrinsicException {
  override readonly name = 'Abort';

  constructor(reason = 'the handler dropped the event', options?: ErrorOptions) {
    super(reason, options);
  }
}

/** Throw it to send the event to the dead letters at once, without further attempts. */
export class Reject extends IntrinsicException {
  override readonly name = 'Reject';

  constructor(reason = 'the handler rejected the event', options?: ErrorOptions) {
    super(reason, options);
  }
}

import { OutboxError } from './outbox.error.js';

/** `context.manager` was asked for by a handler without an inbox: there is no transaction around it. */
export class InboxRequiredError extends OutboxError {
  readonly code = 'OUTBOX_INBOX_REQUIRED';

  constructor(queue: string) {
    super(
      `The handler of ${queue} asks for context.manager, and runs in no transaction of ours: give it { inbox: true }, as in @OnEvent('order.placed', { inbox: true }).`,
    );
  }
}

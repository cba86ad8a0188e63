import { randomUUID } from 'node:crypto';
import type { Fate } from './fate.js';
import { fateOf, type Scripted } from './fate.js';
import type { Stage } from './stage.js';

/** What became of an event, and what its handler was called with, if it was. */
export interface Received {
  readonly outcome: Fate['outcome'];
  readonly given: unknown;
  readonly headers: Record<string, unknown> | undefined;
}

/** Looks at what the handlers of one class get. Each is `act(context, what it got)` and has `prefetch: 1`. */
export class Receiving {
  constructor(
    private readonly stage: Stage,
    private readonly handlers: Scripted,
    /** What gets through to each handler, if its first event does not. */
    private readonly good: Readonly<Record<string, unknown>> = {},
  ) {}

  /** Publishes a payload, in JSON, for the handler of that name; its type is the name. */
  async handle(handler: string, payload: unknown): Promise<Received> {
    let given: unknown = 'never called';
    const { outcome, copy } = await fateOf(this.stage, this.handlers, {
      type: handler,
      payload,
      goodPayload: this.good[handler] ?? payload,
      handler: `${this.handlers.constructor.name}.${handler}`,
      behaviour: (_context, received) => {
        given = received;
      },
    });
    return { outcome, given, headers: copy?.properties.headers };
  }

  /** What a handler is called with when its queue gets these bytes. */
  async receive(handler: string, body: string | Buffer, contentType: string): Promise<unknown> {
    const messageId = randomUUID();
    const received = new Promise((resolve) => {
      this.handlers.behaviours.set(messageId, (_context, given) => resolve(given));
    });
    const queue = this.stage.queue(`${this.handlers.constructor.name}.${handler}`);
    await this.stage.send(queue, body, { messageId, contentType });
    return received;
  }
}

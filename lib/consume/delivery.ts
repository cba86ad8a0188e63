import type { Delivery } from '../broker/subscriber.js';
import type { Attempts } from './attempts.js';
import { Gathering } from './batch/gathering.js';
import type { DeliveryTeller } from './delivery-teller.js';
import type { HandlerRunner } from './handler-runner.js';
import type { MessageReader, OpenedMessage } from './payload/message-reader.js';
import type { Router } from './router.js';
import type { Settler } from './settler.js';
import { stillOurs } from './still-ours.js';

/** What becomes of the deliveries of a queue. Rejects only if something of ours is broken. */
export interface Pipeline {
  process(delivery: Delivery): Promise<void>;
}

/** One message, from delivery to settlement: open → route → admit → attempt → settle; or with others of its batch. */
export class DeliveryPipeline implements Pipeline {
  constructor(
    private readonly reader: MessageReader,
    private readonly router: Router<HandlerRunner | Gathering>,
    private readonly attempts: Attempts,
    private readonly settler: Settler,
    private readonly teller: DeliveryTeller,
  ) {}

  process(delivery: Delivery): Promise<void> {
    try {
      return this.begin(delivery) ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  private begin(delivery: Delivery): Promise<void> | undefined {
    const opened = this.reader.open(delivery.message);
    const { message } = opened;
    const runner = this.router.runnerFor(message);
    const handler = runner?.handler;
    this.teller.received(message, handler);
    if (!runner)
      return this.settler.settle({ delivery, message, handler, ...this.router.unmatched(message) });
    if (runner instanceof Gathering) return runner.add({ opened, delivery });
    const admitted = runner.admit(message);
    return admitted === true
      ? this.handle(runner, opened, delivery)
      : this.handleLater(admitted, runner, opened, delivery);
  }

  private async handleLater(
    admitted: boolean | Promise<boolean>,
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Delivery,
  ): Promise<void> {
    if (await stillOurs(admitted, runner, delivery)) await this.handle(runner, opened, delivery);
    else delivery.requeue();
  }

  private handle(runner: HandlerRunner, opened: OpenedMessage, delivery: Delivery): Promise<void> {
    const { message } = opened;
    const { handler } = runner;
    return this.attempts
      .make(runner, opened, delivery)
      .then((attempt) => this.settler.settle({ delivery, message, handler, ...attempt }));
  }
}

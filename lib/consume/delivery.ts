import type { Delivery } from '../broker/subscriber.js';
import type { Attempts } from './attempts.js';
import { Gathering } from './batch/gathering.js';
import type { DeliveryTeller } from './delivery-teller.js';
import type { HandlerRunner } from './handler-runner.js';
import type { MessageReader } from './payload/message-reader.js';
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

  async process(delivery: Delivery): Promise<void> {
    const opened = this.reader.open(delivery.message);
    const { message } = opened;
    const runner = this.router.runnerFor(message);
    const handler = runner?.handler;
    this.teller.received(message, handler);
    if (!runner)
      return this.settler.settle({ delivery, message, handler, ...this.router.unmatched(message) });
    if (runner instanceof Gathering) return runner.add({ opened, delivery });
    const admitted = runner.admit(message);
    if (admitted !== true && !(await stillOurs(admitted, runner, delivery))) return delivery.requeue();
    const attempt = await this.attempts.make(runner, opened, delivery);
    const settling = this.settler.settle({ delivery, message, handler, ...attempt });
    if (settling) await settling;
  }
}

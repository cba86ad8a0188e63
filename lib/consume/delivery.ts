import type { Delivery } from '../broker/subscriber.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import type { DeliveryTeller } from './delivery-teller.js';
import type { Completion, HandlerRunner } from './handler-runner.js';
import { outcomeOf, type Outcome } from './outcome.js';
import type { MessageReader, OpenedMessage } from './payload/message-reader.js';
import type { Router } from './router.js';
import type { Settler } from './settler.js';

const OUTCOME: Readonly<Record<Completion, Outcome>> = {
  handled: { kind: 'handled' },
  duplicate: { kind: 'duplicate' },
  released: { kind: 'released' },
};

/** One message, from delivery to settlement: open → route → admit → run → decide → settle. */
export class DeliveryPipeline {
  constructor(
    private readonly reader: MessageReader,
    private readonly router: Router,
    private readonly settler: Settler,
    private readonly teller: DeliveryTeller,
    private readonly tracing: Pick<TracingSlot, 'active'>,
  ) {}

  async process(delivery: Delivery): Promise<void> {
    const opened = this.reader.open(delivery.message);
    const { message } = opened;
    const runner = this.router.runnerFor(message);
    const handler = runner?.handler;
    this.teller.received(message, handler);
    const admitted = runner?.admit(message) ?? true;
    if (admitted !== true && !(await this.stillOurs(admitted, runner, delivery))) return delivery.requeue();
    const started = performance.now();
    const outcome = runner ? await this.run(runner, opened, delivery) : this.router.unmatched(message);
    const duration = performance.now() - started;
    await this.settler.settle({ delivery, message, handler, outcome, duration });
  }

  /** While it waited, its channel may have gone: whoever has the message now will handle it. */
  private async stillOurs(
    admission: boolean | Promise<boolean>,
    runner: HandlerRunner | undefined,
    { lost }: Delivery,
  ): Promise<boolean> {
    const admitted = await admission;
    if (admitted && lost.aborted) runner?.leave();
    return admitted && !lost.aborted;
  }

  private run(runner: HandlerRunner, opened: OpenedMessage, delivery: Delivery): Promise<Outcome> {
    const tracer = this.tracing.active;
    if (!tracer) return this.attempt(runner, opened, delivery);
    return tracer.handling([opened.message], runner.place, () => this.attempt(runner, opened, delivery));
  }

  private async attempt(runner: HandlerRunner, opened: OpenedMessage, delivery: Delivery): Promise<Outcome> {
    const { handler } = runner;
    try {
      return OUTCOME[await runner.run(opened, delivery)];
    } catch (error) {
      return outcomeOf(error, opened.message.attempt, handler.retry);
    }
  }
}

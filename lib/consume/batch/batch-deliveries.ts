import type { TracedOutcome, TracingSlot } from '../../lifecycle/tracing.js';
import { stillOurs } from '../still-ours.js';
import { isPassing, outcomeOf, type Outcome } from '../outcome.js';
import type { Settler } from '../settler.js';
import type { BatchRunner, Fate } from './batch-runner.js';
import type { Gathered } from './gathering.js';

/** Deliveries that are handled together, from admission to settlement: admit → run → settle each. */
export class BatchDeliveries {
  constructor(
    private readonly runner: BatchRunner,
    private readonly settler: Settler,
    private readonly tracing: Pick<TracingSlot, 'active'>,
  ) {}

  /** Resolves when all of them are settled. `repeats`: how often what fails may be repeated at once. */
  async handle(
    batch: readonly Gathered[],
    repeats = this.runner.handler.retry.immediate ?? 0,
  ): Promise<void> {
    const [first] = batch;
    if (!first) return;
    const { runner } = this;
    // All came on one channel, and go with it.
    const { lost } = first.delivery;
    if (!(await stillOurs(runner.admit(batch), runner, { lost })))
      return batch.forEach(({ delivery }) => delivery.requeue());
    const started = performance.now();
    const fates = await this.traced(batch, lost);
    await this.settleAll(batch, fates, performance.now() - started, repeats);
  }

  private async settleAll(
    batch: readonly Gathered[],
    fates: readonly Fate[],
    duration: number,
    repeats: number,
  ): Promise<void> {
    const again: Gathered[] = [];
    const repeated: Gathered[] = [];
    const alone: Gathered[] = [];
    const settling: Array<Promise<void> | undefined> = [];
    for (const [index, gathered] of batch.entries()) {
      const fate = fates[index] as Fate;
      if (fate.kind === 'again') again.push(gathered);
      else if (repeats > 0 && this.mayPass(gathered, fate)) repeated.push(gathered);
      else if (batch.length > 1 && this.diesForOthers(gathered, fate)) alone.push(gathered);
      else settling.push(this.settle(gathered, this.outcome(gathered, fate), duration));
    }
    const later = [this.handle(again, repeats), this.handle(repeated, repeats - 1), this.handleEach(alone)];
    await Promise.all([...settling, ...later]);
  }

  private settle(
    { opened: { message }, delivery }: Gathered,
    outcome: Outcome,
    duration: number,
  ): Promise<void> | undefined {
    return this.settler.settle({ delivery, message, handler: this.runner.handler, outcome, duration });
  }

  /** One event that fails takes all of its batch along. Before that costs another its last attempt, each gets one alone. */
  private diesForOthers(gathered: Gathered, fate: Fate): boolean {
    if (fate.kind !== 'failed' || !fate.together) return false;
    const outcome = this.outcome(gathered, fate);
    return outcome.kind === 'dead' && outcome.reason === 'exhausted';
  }

  private mayPass(gathered: Gathered, fate: Exclude<Fate, { kind: 'again' }>): boolean {
    return fate.kind === 'failed' && isPassing(fate.error, this.outcome(gathered, fate));
  }

  private async handleEach(alone: readonly Gathered[]): Promise<void> {
    for (const gathered of alone) await this.handle([gathered], 0);
  }

  private outcome({ opened }: Gathered, fate: Exclude<Fate, { kind: 'again' }>): Outcome {
    return fate.kind === 'failed'
      ? outcomeOf(fate.error, opened.message.attempt, this.runner.handler.retry)
      : { kind: fate.kind };
  }

  private async traced(batch: readonly Gathered[], lost: AbortSignal): Promise<readonly Fate[]> {
    const { runner } = this;
    const tracer = this.tracing.active;
    if (!tracer) return runner.run(batch, lost);
    const messages = batch.map(({ opened }) => opened.message);
    const { fates } = await tracer.handling(messages, runner.place, async () => {
      const found = await runner.run(batch, lost);
      return { fates: found, ...this.summary(batch, found) };
    });
    return fates;
  }

  /** For the span of the batch: how it ended for all of them, or else that it did. */
  private summary([first]: readonly Gathered[], fates: readonly Fate[]): TracedOutcome {
    const [fate] = fates;
    const alike = fates.every(({ kind }) => kind === fate?.kind);
    return first && fate && alike && fate.kind !== 'again' ? this.outcome(first, fate) : { kind: 'handled' };
  }
}

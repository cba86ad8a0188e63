import type { EventPublisher } from '../broker/publisher.js';
import { ChannelLostError } from '../errors/channel-lost.error.js';
import { PublishRefusedError } from '../errors/publish-refused.error.js';
import type { OutgoingEvent } from '../event/envelope.js';
import type { Claim } from '../store/store.js';
import { publishFree, type BatchOutcome, type FailingKeys } from './failing-keys.js';

/** The broker closed the channel over something in this batch, or in one that shared the channel with it. */
export const lostToPoison = (outcomes: readonly BatchOutcome[]): boolean => outcomes.some(isLost);

const isLost = (outcome: BatchOutcome | undefined): boolean =>
  outcome?.kind === 'unknown' && outcome.error instanceof ChannelLostError && outcome.error.byBroker;

/**
 * Finds the event a channel dies of: publishes again what was left without an answer, then its halves, until that one
 * is alone; it alone counts as refused, and from then on the rest of its key is held back. Nothing else may be published
 * meanwhile, or a neighbour could be blamed. Healthy events spend no attempt; some are published twice, as always when
 * an answer is missing.
 */
export class Isolation {
  constructor(
    private readonly claim: Claim,
    private readonly publisher: EventPublisher,
    private readonly failing: FailingKeys,
    private readonly timeout: number,
  ) {}

  /** The outcomes of the claim's events, given those of the first try. */
  async outcomes(first: readonly BatchOutcome[]): Promise<BatchOutcome[]> {
    const lost = this.claim.events.filter((_, index) => isLost(first[index]));
    return fillIn(first, await this.publishAgain(lost));
  }

  private async publishAgain(suspects: readonly OutgoingEvent[]): Promise<BatchOutcome[]> {
    await becomeReady(this.publisher, this.timeout);
    const outcomes = await publishFree(this.publisher, suspects, this.failing, this.timeout);
    const lost = suspects.filter((_, index) => isLost(outcomes[index]));
    const [only] = lost;
    if (!only) return outcomes;
    if (lost.length === 1) {
      this.failing.add(this.claim, only.key);
      return outcomes.map((outcome) => (isLost(outcome) ? guilty(outcome) : outcome));
    }
    const middle = Math.ceil(lost.length / 2);
    const verdicts = await this.publishAgain(lost.slice(0, middle));
    verdicts.push(...(await this.publishAgain(lost.slice(middle))));
    return fillIn(outcomes, verdicts);
  }
}

/** Puts the verdicts in the places of the lost, in order. */
function fillIn(outcomes: readonly BatchOutcome[], verdicts: readonly BatchOutcome[]): BatchOutcome[] {
  const rest = verdicts[Symbol.iterator]();
  return outcomes.map((outcome) =>
    isLost(outcome) ? ((rest.next().value as BatchOutcome | undefined) ?? outcome) : outcome,
  );
}

function guilty(outcome: BatchOutcome): BatchOutcome {
  const cause = outcome.kind === 'unknown' ? outcome.error : undefined;
  return {
    kind: 'refused',
    error: new PublishRefusedError(cause?.message ?? 'The channel died of this event.', { cause }),
  };
}

/** Resolves when the publisher is ready, or after `timeout` ms. A lost channel is opened again by the publisher. */
export async function becomeReady(publisher: EventPublisher, timeout: number): Promise<void> {
  if (publisher.ready) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, timeout);
    const stop = publisher.onReadyChange(() => publisher.ready && done());
    function done() {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
}

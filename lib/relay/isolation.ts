import type { EventPublisher, PublishOutcome } from '../broker/publisher.js';
import { ChannelLostError } from '../errors/channel-lost.error.js';
import { PublishRefusedError } from '../errors/publish-refused.error.js';
import type { OutgoingEvent } from '../event/envelope.js';

/** The broker closed the channel over something in this batch, or in one that shared the channel with it. */
export const lostToPoison = (outcomes: readonly PublishOutcome[]): boolean => outcomes.some(isLost);

const isLost = (outcome: PublishOutcome | undefined): boolean =>
  outcome?.kind === 'unknown' && outcome.error instanceof ChannelLostError && outcome.error.byBroker;

/**
 * Finds the event a channel dies of: publishes again what was left without an answer, then its halves, until that one
 * is alone; it alone counts as refused. Nothing else may be published meanwhile, or a neighbour could be blamed.
 * Healthy events spend no attempt; some are published twice, as always when an answer is missing.
 */
export async function isolate(
  publisher: EventPublisher,
  events: readonly OutgoingEvent[],
  outcomes: readonly PublishOutcome[],
  timeout: number,
): Promise<PublishOutcome[]> {
  const lost = events.filter((_, index) => isLost(outcomes[index]));
  const verdicts = await publishAgain(publisher, lost, timeout);
  return outcomes.map((outcome) => (isLost(outcome) ? (verdicts.shift() ?? outcome) : outcome));
}

async function publishAgain(
  publisher: EventPublisher,
  suspects: readonly OutgoingEvent[],
  timeout: number,
): Promise<PublishOutcome[]> {
  await becomeReady(publisher, timeout);
  const outcomes = await publisher.publish(suspects, timeout);
  const lost = suspects.filter((_, index) => isLost(outcomes[index]));
  if (lost.length <= 1) return outcomes.map((outcome) => (isLost(outcome) ? guilty(outcome) : outcome));
  const middle = Math.ceil(lost.length / 2);
  const verdicts = [
    ...(await publishAgain(publisher, lost.slice(0, middle), timeout)),
    ...(await publishAgain(publisher, lost.slice(middle), timeout)),
  ];
  return outcomes.map((outcome) => (isLost(outcome) ? (verdicts.shift() ?? outcome) : outcome));
}

function guilty(outcome: PublishOutcome): PublishOutcome {
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

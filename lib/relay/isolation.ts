import type { EventPublisher, PublishOutcome } from '../broker/publisher.js';
import { ChannelLostError } from '../errors/channel-lost.error.js';
import { PublishRefusedError } from '../errors/publish-refused.error.js';
import type { OutgoingEvent } from '../event/envelope.js';

/** The broker closed the channel over this event, or over one that shared the channel with it. */
export const isLostToPoison = (outcome: PublishOutcome): boolean =>
  outcome.kind === 'unknown' && outcome.error instanceof ChannelLostError && outcome.error.byBroker;

/**
 * Finds the events a channel dies of, among those that were lost with it: publishes their halves again, until each is
 * alone; whoever is alone when the channel goes counts as refused. Nothing else may be published meanwhile, or a neighbour
 * could be blamed. Healthy events spend no attempt; some are published twice, as always when an answer is missing.
 */
export async function isolate(
  publisher: EventPublisher,
  lost: readonly OutgoingEvent[],
  cause: PublishOutcome,
  timeout: number,
): Promise<PublishOutcome[]> {
  if (lost.length === 1) return [guilty(cause)];
  const named = lost.filter((event) => isNamed(event, cause));
  if (named.length > 0) return lost.length === named.length ? lost.map(() => guilty(cause)) : acquit(named);
  const middle = Math.ceil(lost.length / 2);
  const verdicts = await tryAgain(publisher, lost.slice(0, middle), timeout);
  return [...verdicts, ...(await tryAgain(publisher, lost.slice(middle), timeout))];

  /** The broker says whom it means: the others only have to be published again. */
  async function acquit(named: readonly OutgoingEvent[]): Promise<PublishOutcome[]> {
    const others = lost.filter((event) => !named.includes(event));
    const verdicts = await tryAgain(publisher, others, timeout);
    return lost.map((event) =>
      named.includes(event) ? guilty(cause) : (verdicts.shift() as PublishOutcome),
    );
  }
}

async function tryAgain(
  publisher: EventPublisher,
  suspects: readonly OutgoingEvent[],
  timeout: number,
): Promise<PublishOutcome[]> {
  await becomeReady(publisher, timeout);
  const outcomes = await publishAll(publisher, suspects, timeout);
  const lost = suspects.filter((_, index) => isLostToPoison(outcomes[index] as PublishOutcome));
  if (lost.length === 0) return outcomes;
  const cause = outcomes.find(isLostToPoison) as PublishOutcome;
  const verdicts = await isolate(publisher, lost, cause, timeout);
  return outcomes.map((outcome) =>
    isLostToPoison(outcome) ? (verdicts.shift() as PublishOutcome) : outcome,
  );
}

const isNamed = ({ exchange }: OutgoingEvent, cause: PublishOutcome): boolean =>
  exchange !== null && cause.kind === 'unknown' && (cause.error as ChannelLostError).exchange === exchange;

function guilty(outcome: PublishOutcome): PublishOutcome {
  const cause = outcome.kind === 'unknown' ? outcome.error : undefined;
  return {
    kind: 'refused',
    error: new PublishRefusedError(cause?.message ?? 'The channel died of this event.', { cause }),
  };
}

/** Publishes all of them, and resolves to the outcomes in the same order. */
export function publishAll(
  publisher: EventPublisher,
  events: readonly OutgoingEvent[],
  timeout: number,
): Promise<PublishOutcome[]> {
  return new Promise((resolve) => {
    const outcomes: PublishOutcome[] = [];
    let open = events.length;
    if (open === 0) resolve([]);
    publisher.publish(events, timeout, (index, outcome) => {
      outcomes[index] = outcome;
      if (--open === 0) resolve(outcomes);
    });
  });
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

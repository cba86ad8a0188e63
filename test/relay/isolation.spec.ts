import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventPublisher, PublishOutcome } from '../../lib/broker/publisher.js';
import { ChannelLostError } from '../../lib/errors/channel-lost.error.js';
import type { OutgoingEvent } from '../../lib/event/envelope.js';
import { isLostToPoison, isolate, publishAll } from '../../lib/relay/isolation.js';

interface Script {
  readonly id: number;
  readonly exchange: string | null;
  readonly poison: boolean;
  /** The broker takes it, but its answer is lost when the channel goes. */
  readonly slowConfirm: boolean;
}

/** A broker that closes the channel over poison: what came before may be unanswered, what comes after is ignored. */
class FakeBroker implements EventPublisher {
  readonly ready = true;
  readonly taken: Script[] = [];
  publishes = 0;

  constructor(private readonly scripts: ReadonlyMap<string, Script>) {}

  onReadyChange() {
    return () => undefined;
  }

  publish(
    events: readonly OutgoingEvent[],
    _timeout: number,
    settled: (index: number, outcome: PublishOutcome) => void,
  ): void {
    this.publishes++;
    const scripts = events.map(({ id }) => this.scripts.get(id) as Script);
    const end = scripts.findIndex(({ poison }) => poison);
    const died = end >= 0;
    this.taken.push(...(died ? scripts.slice(0, end) : scripts));
    const exchange = scripts[end]?.exchange ?? undefined;
    const lost: PublishOutcome = {
      kind: 'unknown',
      error: new ChannelLostError('too large', true, { exchange }),
    };
    queueMicrotask(() =>
      scripts.forEach(({ slowConfirm }, index) =>
        settled(index, died && (index >= end || slowConfirm) ? lost : { kind: 'confirmed' }),
      ),
    );
  }
}

/** What the broker has against an event: its exchange, which it names and others share; or the event itself. */
const script = fc.record({
  exchange: fc.constantFrom(null, null, null, 'missing', 'there'),
  dice: fc.integer({ min: 0, max: 9 }),
  slowConfirm: fc.boolean(),
});

const batch = fc.array(script, { minLength: 1, maxLength: 40 }).map((list) =>
  list.map(({ dice, ...one }, id): Script => ({
    ...one,
    id,
    poison: one.exchange === 'missing' || (one.exchange === null && dice === 0),
  })),
);

async function publish(scripts: readonly Script[]) {
  const broker = new FakeBroker(new Map(scripts.map((one) => [String(one.id), one])));
  const events = scripts.map(({ id, exchange }) => ({ id: String(id), exchange }) as OutgoingEvent);
  const first = await publishAll(broker, events, 1_000);
  const lost = events.filter((_, index) => isLostToPoison(first[index] as PublishOutcome));
  if (lost.length === 0) return { broker, outcomes: first };
  const cause = first.find(isLostToPoison) as PublishOutcome;
  const verdicts = await isolate(broker, lost, cause, 1_000);
  return {
    broker,
    outcomes: first.map((it) => (isLostToPoison(it) ? (verdicts.shift() as PublishOutcome) : it)),
  };
}

describe('events that lost their channel', () => {
  test('are told apart: exactly those the channel died of are blamed, and nobody is left without an answer', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (scripts) => {
        const { outcomes, broker } = await publish(scripts);
        expect(outcomes.map(({ kind }) => kind)).toEqual(
          scripts.map(({ poison }) => (poison ? 'refused' : 'confirmed')),
        );
        expect(new Set(broker.taken)).toEqual(new Set(scripts.filter(({ poison }) => !poison)));
      }),
      { numRuns: 500 },
    );
  });

  test('are few publishes away from an answer: one poison among five hundred', async () => {
    const list = Array.from({ length: 500 }, (_, id) => ({
      id,
      exchange: null,
      poison: id === 321,
      slowConfirm: true,
    }));
    const { broker, outcomes } = await publish(list);
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(1);
    expect(outcomes[321]?.kind).toBe('refused');
    expect(broker.publishes).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(500)) + 2);
  });

  test('are published again once, when the broker names the exchange it means', async () => {
    const list = Array.from({ length: 100 }, (_, id) => ({
      id,
      exchange: id % 2 === 0 ? 'missing' : 'there',
      poison: id % 2 === 0,
      slowConfirm: true,
    }));
    const { broker, outcomes } = await publish(list);
    expect(outcomes.map(({ kind }) => kind === 'refused')).toEqual(list.map(({ poison }) => poison));
    expect(broker.publishes).toBe(2);
  });

  test('keep the broker’s words in the error', async () => {
    const { outcomes } = await publish([{ id: 0, exchange: null, poison: true, slowConfirm: false }]);
    expect(outcomes[0]).toMatchObject({
      kind: 'refused',
      error: { name: 'PublishRefusedError', message: 'too large', cause: { name: 'ChannelLostError' } },
    });
  });
});

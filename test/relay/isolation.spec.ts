import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventPublisher, PublishOutcome } from '../../lib/broker/publisher.js';
import { ChannelLostError } from '../../lib/errors/channel-lost.error.js';
import type { OutgoingEvent } from '../../lib/event/envelope.js';
import { publishBatch, type TakeTurn } from '../../lib/relay/batch.js';
import { FailingKeys, type BatchOutcome } from '../../lib/relay/failing-keys.js';
import type { Claim, ClaimedEvent } from '../../lib/store/store.js';

interface Script {
  readonly id: number;
  readonly key: string | null;
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

  publish(events: readonly OutgoingEvent[]): Promise<PublishOutcome[]> {
    this.publishes++;
    const scripts = events.map(({ id }) => this.scripts.get(id) as Script);
    const end = scripts.findIndex(({ poison }) => poison);
    const died = end >= 0;
    this.taken.push(...(died ? scripts.slice(0, end) : scripts));
    const lost: PublishOutcome = { kind: 'unknown', error: new ChannelLostError('too large', true) };
    return Promise.resolve(
      scripts.map(({ slowConfirm }, index) =>
        died && (index >= end || slowConfirm) ? lost : { kind: 'confirmed' },
      ),
    );
  }
}

const script = fc.record({
  key: fc.constantFrom(null, 'a', 'b', 'c'),
  poison: fc.boolean().map((flag) => flag),
  slowConfirm: fc.boolean(),
});

/** Batches of one channel; few are poison. */
const batches = fc
  .array(fc.array(script, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .chain((lists) =>
    fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 48, maxLength: 48 }).map((dice) => {
      let id = 0;
      return lists.map((list) => list.map((one) => ({ ...one, id: id++, poison: dice[id % 48] === 0 })));
    }),
  );

const claimOf = (scripts: readonly Script[]): Claim => ({
  events: scripts.map(({ id, key }) => ({ id: String(id), seq: String(id), key }) as ClaimedEvent),
  settle: () => Promise.resolve(),
  release: () => Promise.resolve(),
});

async function publishAll(lists: readonly (readonly Script[])[]) {
  const broker = new FakeBroker(new Map(lists.flat().map((one) => [String(one.id), one])));
  const failing = new FailingKeys();
  let turn: Promise<unknown> = Promise.resolve();
  const takeTurn: TakeTurn = (work) => {
    const mine = turn.then(work);
    turn = mine;
    return mine;
  };
  const outcomes: BatchOutcome[] = [];
  // The channel is shared: once it has died, the batches behind are lost with it, and wait for their turn.
  for (const list of lists) {
    outcomes.push(...(await publishBatch(claimOf(list), broker, 1_000, failing, takeTurn)));
  }
  return { broker, outcomes, scripts: lists.flat() };
}

describe('a batch that lost its channel', () => {
  test('blames exactly the events the channel died of, and leaves nobody without an answer', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (lists) => {
        const { outcomes, scripts } = await publishAll(lists);
        const failedKeys = new Set<string>();
        const expected = scripts.map(({ key, poison }) => {
          if (key !== null && failedKeys.has(key)) return 'held';
          if (poison && key !== null) failedKeys.add(key);
          return poison ? 'refused' : 'confirmed';
        });
        expect(outcomes.map(({ kind }) => kind)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps the order of every key, and publishes nothing of a key behind its failed event', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (lists) => {
        const { broker, scripts } = await publishAll(lists);
        for (const key of ['a', 'b', 'c']) {
          const firsts = [...new Set(broker.taken.filter((one) => one.key === key).map(({ id }) => id))];
          const own = scripts.filter((one) => one.key === key);
          const failed = own.findIndex(({ poison }) => poison);
          expect(firsts).toEqual((failed < 0 ? own : own.slice(0, failed)).map(({ id }) => id));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('finds one poison among five hundred in a few publishes', async () => {
    const list = Array.from({ length: 500 }, (_, id) => ({
      id,
      key: null,
      poison: id === 321,
      slowConfirm: true,
    }));
    const { broker, outcomes } = await publishAll([list]);
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(1);
    expect(outcomes[321]?.kind).toBe('refused');
    expect(broker.publishes).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(500)) + 2);
  });

  test('keeps the broker’s words in the error', async () => {
    const { outcomes } = await publishAll([[{ id: 0, key: 'k', poison: true, slowConfirm: false }]]);
    expect(outcomes[0]).toMatchObject({
      kind: 'refused',
      error: { name: 'PublishRefusedError', message: 'too large', cause: { name: 'ChannelLostError' } },
    });
  });
});

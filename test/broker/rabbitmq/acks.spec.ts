import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Acks } from '../../../lib/broker/rabbitmq/acks.js';

type Sent = readonly [tag: number, multiple: boolean];

/** A broker's side of a channel: what it was told, and which deliveries that leaves unacked. */
class Broker {
  readonly unacked = new Set<number>();
  readonly sent: Sent[] = [];

  deliver(tag: number): void {
    this.unacked.add(tag);
  }

  /** @throws for an unknown tag, over which RabbitMQ closes the channel (406) */
  ack(tag: number, multiple: boolean): void {
    const covered = [...this.unacked].filter((other) => other === tag || (multiple && other < tag));
    if (covered.length === 0) throw new Error(`unknown delivery tag ${tag}`);
    for (const other of covered) this.unacked.delete(other);
    this.sent.push([tag, multiple]);
  }
}

/** A channel with deliveries 1 to `count`, all in the hands of handlers. */
function channel(count: number, prefetch = 100) {
  const broker = new Broker();
  const running = new Set<number>();
  for (let tag = 1; tag <= count; tag++) {
    broker.deliver(tag);
    running.add(tag);
  }
  const acks = new Acks<{ readonly tag: number }>(
    () => running.values().next().value ?? Infinity,
    () => prefetch,
    ({ tag }, multiple) => broker.ack(tag, multiple),
  );
  const handled = (...tags: number[]) => {
    for (const tag of tags) {
      running.delete(tag);
      acks.ack({ tag });
    }
  };
  return { broker, running, acks, handled };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('acks of one turn of the event loop', () => {
  test('are one ack, up to the highest', async () => {
    const { broker, handled } = channel(5);
    handled(2, 1, 4, 3, 5);
    expect(broker.sent).toEqual([]);
    await turn();
    expect(broker.sent).toEqual([[5, true]]);
  });

  test('are told before its end when the broker could send more: an eighth of the prefetch is done', async () => {
    const { broker, handled } = channel(20, 64);
    handled(...Array.from({ length: 20 }, (_, index) => index + 1));
    expect(broker.sent).toEqual([
      [8, true],
      [16, true],
    ]);
    await turn();
    expect(broker.sent.slice(2)).toEqual([[20, true]]);
  });

  test('never cover one whose handler still runs', async () => {
    const { broker, running, handled } = channel(6);
    handled(1, 2, 4, 6);
    await turn();
    expect(broker.sent).toEqual([
      [2, true],
      [4, false],
      [6, false],
    ]);
    expect(broker.unacked).toEqual(running);
  });

  test('that are but one say nothing of others', async () => {
    const { broker, handled } = channel(2);
    handled(1);
    await turn();
    expect(broker.sent).toEqual([[1, false]]);
  });

  test('can be told at once', async () => {
    const { broker, acks, handled } = channel(2);
    handled(1, 2);
    acks.flush();
    expect(broker.sent).toEqual([[2, true]]);
    await turn();
    expect(broker.sent).toHaveLength(1);
  });

  test('are not told to another channel than theirs', async () => {
    const { broker, acks, handled } = channel(2);
    handled(1, 2);
    acks.forget();
    await turn();
    expect(broker.sent).toEqual([]);
  });

  test('leave exactly what is running unacked, whatever ends when, and are known to the broker', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('handled' as const), which: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver' as const), which: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('requeue' as const), which: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const), which: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(1, 40, 1_000),
        async (steps, prefetch) => {
          const { broker, running, acks, handled } = channel(10, prefetch);
          let last = 10;
          for (const { kind, which } of steps) {
            const tag = [...running][which % Math.max(1, running.size)];
            if (kind === 'turn') await turn();
            for (let n = 0; kind === 'deliver' && n < which; n++) {
              running.add(++last);
              broker.deliver(last);
            }
            if (tag === undefined) continue;
            if (kind === 'handled') handled(tag);
            if (kind === 'requeue') {
              running.delete(tag);
              broker.ack(tag, false); // A nack settles it, too.
            }
          }
          acks.flush();
          expect(broker.unacked).toEqual(running);
        },
      ),
    );
  });
});

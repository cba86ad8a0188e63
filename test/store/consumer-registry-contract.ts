import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ConsumerAnnouncement, ConsumerRegistry } from '../../lib/store/consumer-registry.js';

export interface ConsumerRegistryFixture {
  readonly registry: ConsumerRegistry;
  clear(): Promise<void>;
  /** Has this process last been seen so many milliseconds ago. */
  age(process: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What every database promises of the consumers on record. */
export function consumerRegistryContract(name: string, create: () => Promise<ConsumerRegistryFixture>): void {
  describe(`the consumers on record on ${name}`, () => {
    let on: ConsumerRegistryFixture;
    beforeAll(async () => {
      on = await create();
    });
    afterAll(() => on?.close());
    beforeEach(() => on.clear());

    const one = { process: 'one', host: 'host-1:1' };
    const two = { process: 'two', host: 'host-2:1' };
    const consumer = (queue: string): ConsumerAnnouncement => ({
      queue,
      service: 'shop',
      handlers: ['Invoicing.invoice'],
      patterns: ['order.*', 'say "hi", {you}'],
      exchange: 'events',
      needs: {
        exchange: 'events',
        topology: 'assert',
        queueType: 'quorum',
        maxRedeliveries: 20,
        alternateExchange: null,
        delays: [1_000, 60_000],
        expiration: null,
        singleActive: false,
        partitions: null,
        broadcast: false,
      },
    });
    const seen = async () =>
      (await on.registry.list()).map(({ queue, process, alive }) => [
        queue,
        process,
        alive ? 'alive' : 'gone',
      ]);

    test('are what their processes said, with when they were seen', async () => {
      await on.registry.announce(one, [consumer('a'), consumer('b')]);
      const [first] = await on.registry.list();
      expect(first).toEqual({
        ...consumer('a'),
        ...one,
        startedAt: expect.any(Date),
        seenAt: expect.any(Date),
        stoppedAt: null,
        alive: true,
      });
      expect(await seen()).toEqual([
        ['a', 'one', 'alive'],
        ['b', 'one', 'alive'],
      ]);
    });

    test('live as long as they say so, and until they say that they stop', async () => {
      await on.registry.announce(one, [consumer('a')]);
      await on.registry.announce(two, [consumer('a')]);
      await on.age('one', 60_000);
      expect(await seen()).toEqual([
        ['a', 'two', 'alive'],
        ['a', 'one', 'gone'],
      ]);
      await on.registry.announce(one, [{ ...consumer('a'), patterns: ['user.*'] }]);
      await on.registry.retire(two);
      expect(await seen()).toEqual([
        ['a', 'one', 'alive'],
        ['a', 'two', 'gone'],
      ]);
      expect((await on.registry.list())[0]).toMatchObject({ patterns: ['user.*'] });
    });

    test('are forgotten when they are long gone, but for the last one of each queue', async () => {
      await on.registry.announce(one, [consumer('a'), consumer('old')]);
      await on.age('one', 7_200_000);
      await on.registry.announce(two, [consumer('a')]);
      expect(await seen()).toEqual([
        ['a', 'two', 'alive'],
        ['old', 'one', 'gone'],
      ]);
    });

    test('are forgotten on demand, but not while somebody consumes', async () => {
      await on.registry.announce(one, [consumer('a'), consumer('b')]);
      expect(await on.registry.forget('a')).toBe(false);
      await on.registry.retire(one);
      expect(await on.registry.forget('a')).toBe(true);
      expect(await on.registry.forget('never')).toBe(true);
      expect(await seen()).toEqual([['b', 'one', 'gone']]);
    });

    test('may be none', async () => {
      await on.registry.announce(one, []);
      await on.registry.retire(one);
      expect(await seen()).toEqual([]);
    });
  });
}

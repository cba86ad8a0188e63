import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventToPark, ParkedEvent, ParkingStore } from '../../lib/store/parking-store.js';

/** A database with a parking in it. */
export interface ParkingFixture {
  open(): ParkingStore;
  clear(): Promise<void>;
  /** Makes all that waits this many milliseconds older. */
  age(ms: number): Promise<void>;
  close(): Promise<void>;
}

const CONSUMER = 'orders.Ledger.book';

const event = (id: string, key: string, rest: Partial<EventToPark> = {}): EventToPark => ({
  id,
  key,
  attempts: 0,
  state: 'waiting',
  delay: undefined,
  error: undefined,
  message: { type: 'order.placed', routingKey: 'order.placed', properties: '{}', body: Buffer.from(id) },
  ...rest,
});

/** What every `ParkingStore` promises. Runs on each database's implementation. */
export function parkingContract(name: string, createFixture: () => Promise<ParkingFixture>): void {
  describe(`the parking contract on ${name}`, () => {
    let fixture: ParkingFixture;
    let parking: ParkingStore;

    beforeAll(async () => {
      fixture = await createFixture();
      parking = fixture.open();
    });
    afterAll(() => fixture?.close());
    beforeEach(() => fixture.clear());

    /** Takes over, and parks events, in order. */
    async function parked(...events: EventToPark[]): Promise<string> {
      const { ticket } = await parking.takeOver(CONSUMER);
      for (const one of events) expect(await parking.park(CONSUMER, ticket, one)).toBe('parked');
      return ticket;
    }
    const head = async (key: string) => (await parking.head(CONSUMER, key)) as ParkedEvent;
    const headId = async (key: string) => (await parking.head(CONSUMER, key))?.id;

    test('keeps the events of a key in order, each with all it takes to handle it', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const message = { type: 't', routingKey: 'r.k', properties: '{"a":1}', body: bytes };
      const ticket = await parked(
        event('1', 'k', { attempts: 2, delay: 60_000, error: 'Error: no', message }),
        event('other', 'l'),
        event('2', 'k'),
        event('3', 'k'),
      );
      const first = await head('k');
      expect(first).toMatchObject({ id: '1', key: 'k', attempts: 2, state: 'waiting', message });
      expect(first.dueIn).toBeGreaterThan(50_000);
      expect(first.dueIn).toBeLessThanOrEqual(60_000);
      for (const next of ['2', '3', undefined]) {
        expect(await parking.remove(CONSUMER, ticket, await head('k'))).toBe(true);
        expect(await headId('k')).toBe(next);
      }
      expect(await headId('l')).toBe('other');
    });

    test('keeps the order of many', async () => {
      const ids = Array.from({ length: 25 }, (_, n) => `${n}`);
      const ticket = await parked(...ids.map((id) => event(id, 'k')));
      const seen: string[] = [];
      for (const _ of ids) {
        const first = await head('k');
        seen.push(first.id);
        await parking.remove(CONSUMER, ticket, first);
      }
      expect(seen).toEqual(ids);
    });

    test('has an event once, however often it is parked', async () => {
      const ticket = await parked(event('1', 'k', { attempts: 1 }));
      expect(await parking.park(CONSUMER, ticket, event('1', 'k', { attempts: 7 }))).toBe('known');
      expect(await parking.head(CONSUMER, 'k')).toMatchObject({ attempts: 1 });
    });

    test('is due at once if it is behind another', async () => {
      await parked(event('1', 'k'));
      expect((await parking.head(CONSUMER, 'k'))?.dueIn).toBe(0);
    });

    test('tells whoever takes over which keys wait, each once', async () => {
      await parked(event('1', 'b'), event('2', 'a'), event('3', 'b'), event('4', 'ü'));
      const { keys } = await parking.takeOver(CONSUMER);
      expect(new Set(keys)).toEqual(new Set(['a', 'b', 'ü']));
      expect(keys).toHaveLength(3);
      expect((await parking.takeOver('another')).keys).toEqual([]);
    });

    test('lets those who were taken over from write nothing', async () => {
      const stale = await parked(event('1', 'k'));
      const { ticket } = await parking.takeOver(CONSUMER);
      const place = await head('k');
      const failure = { attempts: 9, delay: 0, error: 'late' };
      expect(await parking.park(CONSUMER, stale, event('2', 'k'))).toBe('lost');
      expect(await parking.postpone(CONSUMER, stale, place, failure)).toBe(false);
      expect(await parking.bury(CONSUMER, stale, place, failure)).toBe(false);
      expect(await parking.remove(CONSUMER, stale, place)).toBe(false);
      expect(await parking.head(CONSUMER, 'k')).toMatchObject({ attempts: 0, state: 'waiting' });
      expect(await parking.remove(CONSUMER, ticket, place)).toBe(true);
    });

    test('shows whoever takes over all that was written before, and nothing after', async () => {
      const { ticket } = await parking.takeOver(CONSUMER);
      const writing = Promise.all(
        Array.from({ length: 50 }, (_, n) => parking.park(CONSUMER, ticket, event(`${n}`, `key-${n}`))),
      );
      const { keys } = await parking.takeOver(CONSUMER);
      const written = (await writing).flatMap((result, n) => (result === 'parked' ? [`key-${n}`] : []));
      expect(new Set(keys)).toEqual(new Set(written));
    });

    test('postpones an event that failed again', async () => {
      const ticket = await parked(event('1', 'k'));
      const place = await head('k');
      const failure = { attempts: 3, delay: 5_000, error: 'Error: again' };
      expect(await parking.postpone(CONSUMER, ticket, place, failure)).toBe(true);
      const first = await head('k');
      expect(first).toMatchObject({ attempts: 3, state: 'waiting' });
      expect(first.dueIn).toBeGreaterThan(0);
    });

    test('buries an event that is dead, and skips it when told to, and no other', async () => {
      const ticket = await parked(event('1', 'k'), event('2', 'k'));
      expect(await parking.skip(CONSUMER, 'k')).toBe(false);
      expect(await parking.bury(CONSUMER, ticket, await head('k'), { attempts: 4, error: 'Error: no' })).toBe(
        true,
      );
      expect(await parking.head(CONSUMER, 'k')).toMatchObject({ id: '1', attempts: 4, state: 'dead' });
      expect(await parking.skip('another', 'k')).toBe(false);
      expect(await parking.skip(CONSUMER, 'k')).toBe(true);
      expect(await headId('k')).toBe('2');
      expect(await parking.skip(CONSUMER, 'k')).toBe(false);
    });

    test('skips those of some events that are dead, and has what is behind them found overdue', async () => {
      const ticket = await parked(
        event('1', 'a', { state: 'dead' }),
        event('2', 'b', { state: 'dead' }),
        event('3', 'a'),
        event('4', 'a'),
        event('5', 'b'),
        event('6', 'c', { state: 'dead' }),
        event('7', 'd'),
      );
      expect(await parking.dead(CONSUMER)).toEqual(['1', '2', '6']);
      expect(await parking.skipEvents('another', ['1'])).toEqual([]);
      const going = await parking.skipEvents(CONSUMER, ['1', '6', '7', 'x']);
      expect(new Set(going.map(({ consumer, key }) => `${consumer} ${key}`))).toEqual(
        new Set([`${CONSUMER} a`, `${CONSUMER} c`]),
      );
      expect([await headId('a'), await headId('b'), await headId('c'), await headId('d')]).toEqual([
        ...['3', '2', undefined, '7'],
      ]);
      await fixture.age(60_000);
      expect(await parking.overdue(CONSUMER, 30_000, 10)).toEqual(['a']);
      await parking.remove(CONSUMER, ticket, await head('a'));
      expect(await parking.overdue(CONSUMER, 30_000, 10)).toEqual([]);
    });

    test('finds and skips dead events of partitions by the name they have in common', async () => {
      const partition = `${CONSUMER}.partition.3`;
      const { ticket } = await parking.takeOver(partition);
      await parking.park(partition, ticket, event('1', 'k', { state: 'dead' }));
      await parking.park(partition, ticket, event('2', 'k'));
      expect(await parking.dead(CONSUMER)).toEqual(['1']);
      expect(await parking.skipEvents(CONSUMER, ['1', '2'])).toMatchObject([
        { consumer: partition, key: 'k' },
      ]);
      expect((await parking.head(partition, 'k'))?.id).toBe('2');
    });

    test('finds keys whose first event should have been handled long ago', async () => {
      await parked(
        event('1', 'late', { delay: 1_000 }),
        event('2', 'soon', { delay: 3_600_000 }),
        event('3', 'dead', { state: 'dead' }),
        event('4', 'late'),
      );
      await fixture.age(60_000);
      expect(await parking.overdue(CONSUMER, 10_000, 10)).toEqual(['late']);
      expect(await parking.overdue(CONSUMER, 120_000, 10)).toEqual([]);
      expect(await parking.overdue('another', 0, 10)).toEqual([]);
    });

    test('tells what waits, for people', async () => {
      await parked(
        event('1', 'k', { attempts: 2, delay: 1_000, error: 'Error: no' }),
        event('2', 'k'),
        event('3', 'l', { state: 'dead', attempts: 5, error: 'Error: never' }),
      );
      const told = await parking.keys([CONSUMER], 10);
      expect(told).toEqual([
        {
          consumer: CONSUMER,
          key: 'k',
          waiting: 2,
          id: '1',
          attempts: 2,
          state: 'waiting',
          error: 'Error: no',
          since: expect.any(Date) as unknown,
        },
        expect.objectContaining({ key: 'l', waiting: 1, state: 'dead', error: 'Error: never' }),
      ]);
      expect(await parking.keys(undefined, 1)).toHaveLength(1);
      expect(await parking.keys(['another'], 10)).toEqual([]);
    });
  });
}

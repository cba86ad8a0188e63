import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import type { StoreContext } from './context.js';

export function seatsContract({ fixture, open, openSeat }: StoreContext): void {
  describe('a seat among the relays', () => {
    const all = [0, 1, 2, 3];

    test('holds lanes that nobody else can hold, until it is left', async () => {
      const [mine, theirs] = [openSeat(open()), openSeat(open())];
      await mine.take();
      await theirs.take();
      expect(await mine.hold([0, 1, 2])).toEqual([0, 1, 2]);
      expect(await theirs.hold(all)).toEqual([3]);
      expect(await mine.census()).toEqual({ shares: [3, 1], free: [] });
      expect(await theirs.census()).toEqual({ shares: [1, 3], free: [] });
      await mine.leave();
      expect(await theirs.census()).toEqual({ shares: [1], free: [0, 1, 2] });
      expect(await theirs.hold([2, 0, 1])).toEqual([2, 0, 1]);
    });

    test('gives back the lanes it took last, and keeps the others', async () => {
      const [mine, theirs] = [openSeat(open()), openSeat(open())];
      await mine.take();
      await theirs.take();
      expect(await mine.hold([3, 1, 0, 2])).toEqual([3, 1, 0, 2]);
      await mine.giveBack(2);
      expect((await mine.census()).free).toEqual([0, 2]);
      expect(await theirs.hold(all)).toEqual([0, 2]);
      expect(await mine.hold([0])).toEqual([]);
      await theirs.giveBack(1);
      expect(await mine.hold([2])).toEqual([2]);
      expect(await mine.census()).toEqual({ shares: [3, 1], free: [] });
    });

    test('counts also without a lane', async () => {
      const [mine, theirs] = [openSeat(open()), openSeat(open())];
      await mine.take();
      await mine.hold(all);
      await theirs.take();
      expect(await mine.census()).toEqual({ shares: [4, 0], free: [] });
    });

    test('of another number of lanes never holds the same keys', async () => {
      const [four, sixteen] = [openSeat(open(), 4), openSeat(open(), 16)];
      await four.take();
      await sixteen.take();
      expect(await four.hold([1])).toEqual([1]);
      expect(await sixteen.hold(Array.from({ length: 16 }, (_, lane) => lane))).toEqual([
        0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15,
      ]);
      expect(await four.hold(all)).toEqual([]);
      await sixteen.leave();
      expect(await four.hold([0])).toEqual([0]);
    });

    test('is lost with its connection, and free for others at once', async () => {
      const [mine, theirs] = [openSeat(open()), openSeat(open())];
      const lost = new Promise<Error>((resolve) => mine.onLost(resolve));
      await mine.take();
      await mine.hold(all);
      await fixture().killConnections();
      expect(await lost).toBeInstanceOf(Error);
      await expect(mine.census()).rejects.toThrow('no seat');
      await eventually(() =>
        theirs.take().then(
          () => true,
          () => false,
        ),
      );
      expect(await theirs.hold(all)).toEqual(all);
      await eventually(() =>
        mine.take().then(
          () => true,
          () => false,
        ),
      );
      expect(await mine.hold(all)).toEqual([]);
    });

    test('can be left and taken again and again', async () => {
      const seat = openSeat(open());
      for (let round = 0; round < 3; round++) {
        await seat.take();
        await seat.take();
        expect(await seat.hold([0, 1])).toEqual([0, 1]);
        await seat.leave();
        await seat.leave();
      }
    });
  });
}

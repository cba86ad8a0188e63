import { expect, test } from '@jest/globals';
import { Entry } from '../../lib/relay/entry.js';
import { Settler, type Settled } from '../../lib/relay/settler.js';
import type { PendingEvent, Settlement } from '../../lib/store/store.js';

const published = (seq: number): Settled => ({
  entry: new Entry({ seq, attempts: 0 } as PendingEvent),
  verdict: { kind: 'published' },
  isReturned: false,
});

function start(settle: (settlement: Settlement) => Promise<number[]> = () => Promise.resolve([])) {
  const recorded: number[][] = [];
  const settler = new Settler({ settle }, 100, {
    recorded: (settled) => recorded.push(settled.map(({ entry }) => entry.event.seq)),
    failed: () => 1,
  });
  return { settler, recorded };
}

/** Longer than outcomes wait for others. */
const afterPatience = () => new Promise((resolve) => setTimeout(resolve, 100));

test('says nothing when its timer finds that a flush has recorded everything', async () => {
  const { settler, recorded } = start();
  settler.add(published(1));
  await settler.flush();
  await afterPatience();
  expect(recorded).toEqual([[1]]);
});

test('records together what came within its patience', async () => {
  const { settler, recorded } = start();
  settler.add(published(1));
  settler.add(published(2));
  await afterPatience();
  expect(recorded).toEqual([[1, 2]]);
});

test('does not try again what fails when it has been stopped, nor what comes late', async () => {
  const refusals: Array<() => void> = [];
  const { settler } = start(
    () => new Promise((_, reject) => refusals.push(() => reject(new Error('The outbox has been closed.')))),
  );
  settler.add(published(1));
  const flushing = settler.flush();
  settler.stop();
  refusals[0]?.();
  await flushing;
  await afterPatience();
  expect(refusals).toHaveLength(1);
  settler.add(published(2));
  await afterPatience();
  refusals[1]?.();
  await afterPatience();
  expect(refusals).toHaveLength(2);
});

test('keeps what could not be recorded, and records it with what has come since', async () => {
  let refuses = true;
  const { settler, recorded } = start(() =>
    refuses ? Promise.reject(new Error('away')) : Promise.resolve([]),
  );
  settler.add(published(1));
  await settler.flush();
  expect(recorded).toEqual([]);
  refuses = false;
  settler.add(published(2));
  await afterPatience();
  expect(recorded).toEqual([[1, 2]]);
});

test('tries again by itself, after as long as it is told', async () => {
  let tries = 0;
  const { settler, recorded } = start(() =>
    ++tries < 3 ? Promise.reject(new Error('away')) : Promise.resolve([]),
  );
  settler.add(published(1));
  await settler.flush();
  await afterPatience();
  expect(tries).toBe(3);
  expect(recorded).toEqual([[1]]);
});

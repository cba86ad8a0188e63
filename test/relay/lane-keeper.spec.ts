import { expect, test } from '@jest/globals';
import type { LaneSet } from '../../lib/event/lane.js';
import { LaneKeeper } from '../../lib/relay/lane-keeper.js';
import type { RelayCensus, RelaySeat } from '../../lib/store/store.js';
import { SETTINGS } from './fakes.js';

const LANES = 4;
const announcement = { ...SETTINGS.announcement, lanes: LANES };
const all = [0, 1, 2, 3];

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A keeper of four lanes, and what it says of them. */
function sit(idleTimeout = 60_000) {
  const said: string[] = [];
  let told = 0;
  let proven = 0;
  let census: RelayCensus = { shares: [0], free: all };
  let lose: (error: Error) => void = () => undefined;
  let isClear = true;
  let counted = Promise.resolve();
  const seat: RelaySeat = {
    take: () => Promise.resolve(),
    hold: (lanes) => Promise.resolve([...lanes]),
    giveBack: (count) => Promise.resolve(void said.push(`gave back ${count}`)),
    census: () => counted.then(() => census),
    announce: () => Promise.resolve(void told++),
    leave: (gone = true) => Promise.resolve(void said.push(gone ? 'left' : 'stood up')),
    onLost: (listener) => (lose = listener),
  };
  const keeper = new LaneKeeper({ openSeat: () => seat }, announcement, idleTimeout, {
    gained: (lanes) => said.push(`gained ${lanes.length}`),
    release: (lanes: LaneSet) => said.push(`released ${lanes.size}`),
    isClear: () => isClear,
    lost: (lanes) => said.push(`lost ${lanes.length}`),
    proven: () => void proven++,
    report: () => ({}),
  });
  return {
    keeper,
    said,
    told: () => told,
    proven: () => proven,
    others: (shares: number[], free: number[] = []) => (census = { shares, free }),
    busy: (yes: boolean) => (isClear = !yes),
    countWhen: (when: Promise<void>) => void (counted = when),
    lose: () => lose(new Error('gone')),
  };
}

test('takes all lanes when nobody else is there, and gives back half when a second relay comes', async () => {
  const { keeper, said, others } = sit();
  await keeper.sit();
  others([4, 0]);
  await keeper.sit();
  await keeper.sit();
  expect(said).toEqual(['gained 4', 'released 2', 'gave back 2']);
  expect(keeper.lanes.size).toBe(2);
});

test('gives lanes back only when nothing of them is on its way', async () => {
  const { keeper, said, others, busy } = sit();
  await keeper.sit();
  others([4, 0]);
  busy(true);
  await keeper.sit();
  await keeper.sit();
  expect(said).toEqual(['gained 4', 'released 2']);
  busy(false);
  await keeper.sit();
  expect(said.at(-1)).toBe('gave back 2');
});

test('releases each lane once, also when it stands up while some are about to be given back', async () => {
  const { keeper, said, others, busy } = sit();
  await keeper.sit();
  others([4, 0]);
  busy(true);
  await keeper.sit();
  const standing = keeper.leave();
  await pause(100);
  expect(said).toEqual(['gained 4', 'released 2', 'released 2']);
  busy(false);
  await standing;
  expect(said).toEqual(['gained 4', 'released 2', 'released 2', 'left']);
  expect(keeper.lanes.size).toBe(0);
});

test('loses all of its lanes with its seat', async () => {
  const { keeper, said, lose } = sit();
  await keeper.sit();
  lose();
  expect(said).toEqual(['gained 4', 'lost 4']);
  expect(keeper.lanes.size).toBe(0);
  expect(keeper.isProven).toBe(false);
  await keeper.leave();
  expect(said.at(-1)).toBe('left');
});

test('stands by without a lane, tells so once in a while, and sits down again', async () => {
  const { keeper, told, said } = sit();
  await keeper.sit();
  expect(told()).toBe(1);
  await keeper.standBy();
  expect(said).toEqual(['gained 4', 'released 4', 'stood up']);
  expect(told()).toBe(2);
  await keeper.standBy();
  expect(told()).toBe(2);
  await keeper.sit();
  expect(keeper.lanes.size).toBe(4);
  await keeper.leave();
  expect(said.at(-1)).toBe('left');
});

test('believes that its lanes are its own only for half the time the database would wait for a frozen process', async () => {
  const { keeper } = sit(200);
  await keeper.sit();
  expect(keeper.isProven).toBe(true);
  await pause(110);
  expect(keeper.isProven).toBe(false);
  await keeper.sit();
  expect(keeper.isProven).toBe(true);
});

test('counts that time from its question, not from the answer, which may have waited for a process that was frozen', async () => {
  const { keeper, countWhen } = sit(200);
  countWhen(pause(120));
  await keeper.sit();
  expect(keeper.isProven).toBe(false);
});

test('says when the lanes have turned out to be ours still, after a while in which nobody knew', async () => {
  const { keeper, proven } = sit(40);
  await keeper.sit();
  await keeper.sit();
  expect(proven()).toBe(1);
  await pause(50);
  expect(keeper.isProven).toBe(false);
  await keeper.sit();
  expect([keeper.isProven, proven()]).toEqual([true, 2]);
});

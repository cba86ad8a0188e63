import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { RollCall } from '../../lib/consume/roll-call.js';
import type { HandlerQueue } from '../../lib/consume/handler.js';
import type { ConsumerAnnouncement } from '../../lib/store/consumer-registry.js';

const queue = (name: string): HandlerQueue => ({
  name: `${name}.0123456789ab`,
  commonName: name,
  consumer: name,
  partition: undefined,
  ordered: false,
  onDead: 'park',
  handlers: [
    { name: 'Invoicing.invoice', patterns: ['order.*'], retry: { delays: [] }, exchange: undefined },
  ] as never,
});

describe('consumers announce themselves', () => {
  const warn = jest.fn();
  const tell = jest.fn((_own: readonly ConsumerAnnouncement[]) => Promise.resolve());
  let announced: Array<readonly ConsumerAnnouncement[]>;
  let retired: string[];
  let failure: Error | undefined;
  let rollCall: RollCall;
  let lists: number;
  const registry = {
    announce: (_who: unknown, consumers: readonly ConsumerAnnouncement[]) => {
      announced.push([...consumers]);
      return failure ? Promise.reject(failure) : Promise.resolve();
    },
    retire: ({ process }: { process: string }) => {
      retired.push(process);
      return Promise.resolve();
    },
    list: () => {
      lists++;
      return Promise.resolve([]);
    },
    forget: () => Promise.resolve(true),
  };

  beforeEach(() => {
    jest.useFakeTimers();
    warn.mockClear();
    tell.mockClear();
    [announced, retired, failure, lists] = [[], [], undefined, 0];
    const about = {
      service: 'shop',
      exchange: 'events',
      topology: 'check',
      queueType: 'quorum',
      maxRedeliveries: 20,
      alternateExchange: null,
    } as const;
    rollCall = new RollCall(registry, about, { tell: (own) => tell(own) }, { warn });
  });
  afterEach(() => void jest.useRealTimers());

  const queues = () => announced.map((consumers) => consumers.map((consumer) => consumer.queue));

  test('at once, by the names that all processes have in common, and again and again', async () => {
    rollCall.add([queue('a')]);
    await jest.advanceTimersByTimeAsync(0);
    expect(announced).toEqual([
      [
        {
          queue: 'a',
          service: 'shop',
          handlers: ['Invoicing.invoice'],
          patterns: ['order.*'],
          exchange: 'events',
          needs: {
            exchange: 'events',
            topology: 'check',
            queueType: 'quorum',
            maxRedeliveries: 20,
            alternateExchange: null,
            delays: [1_000],
            expiration: null,
            singleActive: false,
            partitions: null,
            broadcast: false,
          },
        },
      ],
    ]);
    rollCall.add([queue('b')]);
    await jest.advanceTimersByTimeAsync(0);
    await jest.advanceTimersByTimeAsync(30_000);
    expect(queues()).toEqual([['a'], ['a', 'b'], ['a', 'b'], ['a', 'b']]);
  });

  test('until they stop, which they say last', async () => {
    rollCall.add([queue('a')]);
    await rollCall.stop();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(retired).toHaveLength(1);
    expect(queues().length).toBeLessThanOrEqual(1);
  });

  test('not at all where there are none', async () => {
    rollCall.add([]);
    await jest.advanceTimersByTimeAsync(60_000);
    await rollCall.stop();
    expect([announced, retired]).toEqual([[], []]);
  });

  test('and what was there before them is told of at once, with all they are going to be, and again after minutes', async () => {
    rollCall.expect([queue('a'), queue('late')]);
    rollCall.add([queue('a')]);
    await jest.advanceTimersByTimeAsync(0);
    expect(tell.mock.calls.at(0)?.[0].map((one) => one.queue)).toEqual(['a', 'a', 'late']);
    await jest.advanceTimersByTimeAsync(6 * 60_000);
    expect(lists).toBe(2);
  });

  test('as soon as the database takes it; one warning tells that it does not', async () => {
    failure = new Error('permission denied for table outbox_consumers');
    rollCall.add([queue('a')]);
    await jest.advanceTimersByTimeAsync(45_000);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('permission denied'));
    failure = undefined;
    await jest.advanceTimersByTimeAsync(15_000);
    failure = new Error('again');
    await jest.advanceTimersByTimeAsync(15_000);
    expect(warn).toHaveBeenCalledTimes(2);
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import { leftovers } from '../../lib/consume/leftovers.js';
import { LeftoversTeller } from '../../lib/consume/leftovers-teller.js';
import type {
  ConsumerAnnouncement,
  ConsumerNeeds,
  RegisteredConsumer,
} from '../../lib/store/consumer-registry.js';

const needs: ConsumerNeeds = {
  exchange: 'events',
  topology: 'assert',
  queueType: 'quorum',
  maxRedeliveries: 20,
  alternateExchange: null,
  delays: [1_000],
  expiration: null,
  singleActive: false,
  partitions: null,
  broadcast: false,
};

const own = (handler: string, patterns = ['order.*'], more: Partial<ConsumerAnnouncement> = {}) => ({
  queue: `shop.${handler}`,
  service: 'shop',
  handlers: [handler],
  patterns,
  exchange: 'events',
  needs,
  ...more,
});

const gone = (
  handler: string,
  process: string,
  more: Partial<RegisteredConsumer> = {},
): RegisteredConsumer => ({
  ...own(handler),
  process,
  host: 'host:1',
  startedAt: new Date(0),
  seenAt: new Date(60_000),
  stoppedAt: null,
  alive: false,
  ...more,
});

describe('a queue of this service is abandoned', () => {
  const abandoned = (ours: readonly ConsumerAnnouncement[], others: readonly RegisteredConsumer[]) =>
    leftovers(ours, others).queues.map(({ queue }) => queue);

  test('when a method was renamed: its class is here, and nobody consumes it', () => {
    expect(abandoned([own('Billing.invoice')], [gone('Billing.bill', 'p')])).toEqual(['shop.Billing.bill']);
  });

  test('when a class was renamed: the process that consumed it had something in common with this one', () => {
    const others = [gone('Accounting.invoice', 'p'), gone('Mailing.send', 'p')];
    expect(abandoned([own('Billing.invoice'), own('Mailing.send')], others)).toEqual([
      'shop.Accounting.invoice',
    ]);
  });

  test.each<[string, RegisteredConsumer[]]>([
    ['one that somebody else consumes now', [gone('Billing.bill', 'p', { alive: true })]],
    [
      'one that lives in another process, though one has died',
      [gone('Billing.bill', 'q', { alive: true }), gone('Billing.bill', 'p')],
    ],
    ['one that is ours', [gone('Billing.invoice', 'p')]],
    ['one of another service', [gone('Billing.bill', 'p', { service: 'stock' })]],
    ['one of a process that has other things to do', [gone('Reports.write', 'p')]],
  ])('but not %s', (_what, others) => {
    expect(abandoned([own('Billing.invoice')], others)).toEqual([]);
  });
});

describe('a binding is left', () => {
  const bindings = (ours: ConsumerAnnouncement, before: Partial<RegisteredConsumer>) =>
    leftovers([ours], [gone('Billing.invoice', 'p', before)]).bindings.map(
      ({ exchange, pattern }) => `${exchange} ${pattern}`,
    );

  test.each<[string[], string[], string[]]>([
    [['order.placed'], ['order.*'], ['events order.*']],
    [['order.placed', 'bill.#'], ['order.placed', 'bill.#'], []],
    [['order.*'], ['order.placed'], []],
    [['#'], ['order.*', 'a.#.b'], []],
    [['order.#'], ['order.*', 'order.#', 'order'], []],
    [['order.*'], ['order.#'], ['events order.#']],
    [['*'], ['#'], ['events #']],
    [
      ['a', 'b'],
      ['c', 'b', '*.a'],
      ['events c', 'events *.a'],
    ],
  ])('by a handler for %j that was for %j', (patterns, before, left) => {
    expect(bindings(own('Billing.invoice', patterns), { patterns: before })).toEqual(left);
  });

  test('to the exchange that a handler no longer takes its events from', () => {
    expect(bindings(own('Billing.invoice'), { exchange: 'theirs' })).toEqual(['theirs order.*']);
  });

  test('of no queue that is new, and by no process but the last', () => {
    expect(leftovers([own('Billing.invoice')], []).bindings).toEqual([]);
    const others = [
      gone('Billing.invoice', 'q', { alive: true }),
      gone('Billing.invoice', 'p', { patterns: ['#'] }),
    ];
    expect(leftovers([own('Billing.invoice')], others).bindings).toEqual([]);
  });
});

describe('what is left is told', () => {
  const tellerOf = (depth: { messages: number; consumers: number } | undefined) => {
    const warn = jest.fn<(text: string) => void>();
    return { warn, teller: new LeftoversTeller(() => Promise.resolve(depth), { warn }) };
  };

  test('once', async () => {
    const { warn, teller } = tellerOf({ messages: 3, consumers: 0 });
    const others = [gone('Billing.bill', 'p'), gone('Billing.invoice', 'p', { patterns: ['#'] })];
    for (let times = 0; times < 2; times++) await teller.tell([own('Billing.invoice')], others);
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      'Queue "shop.Billing.invoice" was bound to exchange "events" by "#", which none of its handlers is for any more. Remove that binding, if nobody has yet: what still comes by it is a dead letter.',
      `Queue "shop.Billing.bill" goes on receiving events, and no process of this service consumes it since 1970-01-01T00:01:00.000Z, when Billing.bill did; it holds 3. If a handler was renamed, give it { queue: 'shop.Billing.bill' }; else delete the queue, and its dead letters.`,
    ]);
  });

  test.each([
    ['is gone', undefined],
    ['has another consumer', { messages: 0, consumers: 1 }],
  ])('not of a queue that %s', async (_what, depth) => {
    const { warn, teller } = tellerOf(depth);
    await teller.tell([own('Billing.invoice')], [gone('Billing.bill', 'p')]);
    expect(warn).not.toHaveBeenCalled();
  });
});

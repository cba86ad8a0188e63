import { describe, expect, test } from '@jest/globals';
import { patternsCheck } from '../../lib/admin/doctor/checks/patterns.js';
import { queuesCheck } from '../../lib/admin/doctor/checks/queues.js';
import { relaysCheck } from '../../lib/admin/doctor/checks/relays.js';
import { returnedCheck } from '../../lib/admin/doctor/checks/returned.js';
import { transactionsCheck } from '../../lib/admin/doctor/checks/transactions.js';
import { vacuumCheck } from '../../lib/admin/doctor/checks/vacuum.js';
import type { Look } from '../../lib/admin/doctor/diagnosis.js';
import { Facts, type DoctorParts } from '../../lib/admin/doctor/facts.js';
import { thresholdsFrom } from '../../lib/admin/doctor/thresholds.js';
import type { RegisteredConsumer } from '../../lib/store/consumer-registry.js';
import type { HorizonHolder, RecentType, SeenRelay, TableState } from '../../lib/store/inspection.js';

interface World {
  relays?: SeenRelay[];
  types?: RecentType[];
  consumers?: RegisteredConsumer[];
  tables?: TableState[];
  holders?: HorizonHolder[];
  mismatch?: boolean;
  isExchangeGuessed?: boolean;
}

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-30T12:00:00Z');
const PLAN = { exchange: 'events', queueType: 'quorum', maxRedeliveries: 20 } as const;

function factsOf({
  relays = [],
  types = [],
  consumers = [],
  tables = [],
  holders = [],
  mismatch,
  isExchangeGuessed = false,
}: World): Facts {
  const argument = { kind: 'queue', name: 'Invoicing.invoice', argument: 'x-delivery-limit' } as const;
  const mismatches = mismatch ? [{ ...argument, declared: '20', actual: '5' }] : [];
  const parts = {
    store: {
      relays: async () => relays,
      recentTypes: async () => types,
      tables: async () => tables,
      horizon: async () => ({ holders, seesAll: true }),
    },
    broker: {
      depth: async () => ({ messages: 0, consumers: 1 }),
      hasExchange: async (name: string) => name === 'events',
      compare: async () => ({ missing: [], mismatches, uncompared: [] }),
    },
    registry: { list: async () => consumers },
    application: { service: 'shop', plan: PLAN, topology: 'assert', isExchangeGuessed, requests: () => [] },
    here: { host: 'here', isRunning: () => true, now: () => NOW },
  };
  return new Facts(parts as unknown as DoctorParts, thresholdsFrom({}));
}

const found = ({ findings }: Look) => findings.map(({ level, code }) => `${level} ${code}`);

const relay = (settings: Partial<SeenRelay> = {}): SeenRelay => ({
  ...{ id: 1, service: 'shop', host: 'here', pid: 1, lanes: 16, report: {} },
  ...{ seenAt: new Date(NOW), silence: 1_000, seated: true, clockAhead: 0, ...settings },
});

const type = (name: string, settings: Partial<RecentType> = {}): RecentType => ({
  ...{ type: name, exchange: null, count: 1, isCurrent: true, returned: 0 },
  ...{ lastReturnedAt: null, lastReturnedId: null, ...settings },
});

const consumer = (pattern: string, settings: Partial<RegisteredConsumer> = {}): RegisteredConsumer => ({
  ...{ queue: 'Invoicing.invoice', service: 'shop', handlers: ['Invoicing.invoice'], patterns: [pattern] },
  ...{ exchange: 'events', process: 'p', host: 'here', alive: true },
  needs: {
    ...{ ...PLAN, topology: 'assert', alternateExchange: null, delays: [1_000], expiration: null },
    ...{ singleActive: false, partitions: null, broadcast: false },
  },
  startedAt: new Date(NOW - 60 * MINUTE),
  seenAt: new Date(NOW),
  stoppedAt: null,
  ...settings,
});

const table = (settings: Partial<TableState> = {}): TableState => ({
  ...{ table: 'outbox', deadRows: 200_000, sinceVacuum: MINUTE, autovacuum: 'on', running: false },
  ...settings,
});

const holder = (kind: HorizonHolder['kind'], settings: Partial<HorizonHolder> = {}): HorizonHolder => ({
  ...{ kind, pid: 7, name: 'somebody', application: null, client: null, state: 'active', query: null },
  ...{ age: null, transactions: 20_000, ...settings },
});

describe('the doctor on relays', () => {
  const silent = { silence: 60 * MINUTE, seated: false };

  test.each<[string, SeenRelay[], string[]]>([
    ['one at work', [relay()], []],
    ['none', [], ['problem relay-missing']],
    [
      'one that is silent, while its process is there',
      [relay(silent)],
      ['problem relay-frozen', 'problem relay-missing'],
    ],
    [
      'one on another machine that was killed, beside one at work',
      [relay(), relay({ ...silent, host: 'there', pid: 2 })],
      ['notice relay-gone'],
    ],
    [
      'one that was killed in a container, and its successor of the same name and number',
      [relay({ id: 2 }), relay(silent)],
      ['notice relay-gone'],
    ],
    [
      'one whose breaker is open',
      [relay({ report: { breaker: 'open', reason: 'no' } })],
      ['problem breaker-open'],
    ],
    ['one without a broker', [relay({ report: { brokerReady: false } })], ['problem relay-without-broker']],
    ['one that is paused, alone', [relay({ report: { paused: true } })], ['problem relay-paused']],
    [
      'one of two that is paused',
      [relay(), relay({ pid: 2, report: { paused: true } })],
      ['notice relay-paused'],
    ],
  ])('says of %s what is the matter', async (_, relays, expected) => {
    expect(found(await relaysCheck(factsOf({ relays })))).toEqual(expected);
  });
});

describe('the doctor on patterns', () => {
  test.each<[string, string, string[]]>([
    ['that matches', 'order.*', []],
    ['with a slip of the pen', 'order.palced', ['problem pattern-unmatched']],
    ['with a word too many', 'order.*.placed', ['problem pattern-unmatched']],
    [
      'for an event of the same subject that is seldom, or another service’s',
      'order.refunded',
      ['notice pattern-unmatched'],
    ],
    ['for another version of an event', 'order.placed.v2', ['notice pattern-unmatched']],
    ['for another service’s event', 'payment.received', ['notice pattern-unmatched']],
  ])('says of one %s what is the matter', async (_, pattern, expected) => {
    const types = [type('order.placed'), type('order.placed.v1')];
    expect(found(await patternsCheck(factsOf({ types, consumers: [consumer(pattern)] })))).toEqual(expected);
  });
});

describe('the doctor on events that found no queue', () => {
  const returned = (minutesAgo: number) =>
    type('order.placed', {
      returned: 3,
      lastReturnedAt: new Date(NOW - minutesAgo * MINUTE),
      lastReturnedId: 'id',
    });

  test.each<[string, RegisteredConsumer[], number, string[]]>([
    ['and no handler is for', [consumer('invoice.*')], 5, ['problem events-returned']],
    ['before their handler was started', [consumer('order.*')], 120, ['notice events-returned-before']],
    ['while their handler was running', [consumer('order.*')], 5, ['problem binding-missing']],
    [
      'and whose handler has been stopped',
      [consumer('order.*', { alive: false })],
      5,
      ['problem events-returned'],
    ],
  ])('%s tells why', async (_, consumers, minutesAgo, expected) => {
    expect(found(await returnedCheck(factsOf({ types: [returned(minutesAgo)], consumers })))).toEqual(
      expected,
    );
  });
});

describe('the doctor on dead rows', () => {
  test.each<[string, TableState, HorizonHolder[], string[]]>([
    ['few', table({ deadRows: 10 }), [], []],
    ['many, soon after a vacuum', table(), [], []],
    [
      'many, long after the last vacuum',
      table({ sinceVacuum: 60 * MINUTE }),
      [],
      ['problem autovacuum-behind'],
    ],
    ['many that were never vacuumed', table({ sinceVacuum: null }), [], ['problem autovacuum-behind']],
    ['many that are being vacuumed', table({ sinceVacuum: null, running: true }), [], []],
    ['with autovacuum off', table({ autovacuum: 'off', deadRows: 0 }), [], ['problem autovacuum-off']],
  ])('%s: says what is the matter', async (_, state, holders, expected) => {
    expect(found(await vacuumCheck(factsOf({ tables: [state], holders })))).toEqual(expected);
  });

  test.each<[HorizonHolder, RegExp]>([
    [holder('session', { age: 60 * MINUTE }), /^End that transaction, then VACUUM/],
    [holder('prepared transaction', { age: 60 * MINUTE }), /^Commit or roll back/],
    [holder('replication slot'), /^Bring back the consumer of that slot/],
    [holder('standby'), /^End the query on that standby/],
  ])('names what keeps vacuum from removing them: %j', async (one, cure) => {
    const { findings } = await vacuumCheck(factsOf({ tables: [table()], holders: [one] }));
    expect(findings).toMatchObject([{ code: 'autovacuum-behind', cure: expect.stringMatching(cure) }]);
  });

  test.each<[HorizonHolder, string[]]>([
    [holder('session', { age: MINUTE }), []],
    [holder('session', { age: 10 * MINUTE }), ['problem transaction-open']],
    [holder('prepared transaction', { age: 10 * MINUTE }), ['problem transaction-prepared']],
    [holder('replication slot'), []],
    [holder('replication slot', { transactions: 2_000_000 }), ['problem replication-slot-behind']],
    [holder('standby', { transactions: 2_000_000 }), ['problem standby-behind']],
  ])('tells of what is open for long: %j', async (one, expected) => {
    expect(found(await transactionsCheck(factsOf({ holders: [one] })))).toEqual(expected);
  });
});

describe('the doctor on queues', () => {
  const provided = consumer('order.*');
  const checking = { ...provided, needs: { ...provided.needs, topology: 'check' as const } };

  test.each<[string, RegisteredConsumer, string]>([
    ['of a process that declares them: it does not start', provided, 'problem queue-mismatch'],
    ['that were provided, perhaps on purpose', checking, 'notice queue-mismatch'],
  ])('that are different, %s', async (_, one, expected) => {
    expect(found(await queuesCheck(factsOf({ consumers: [one], mismatch: true })))).toEqual([expected]);
  });

  test('looks for exchanges of events that are still emitted, and not of those that were once', async () => {
    const of = (exchange: string, isCurrent: boolean) => type('order.placed', { exchange, isCurrent });
    const { findings } = await queuesCheck(factsOf({ types: [of('gone', true), of('retired', false)] }));
    expect(findings).toMatchObject([{ code: 'exchange-missing', details: { thing: 'exchange "gone"' } }]);
  });

  test.each([
    [true, 'shop'],
    [false, 'events'],
  ])(
    'goes by the exchange that handlers have put on record, if it was not told of one: %s',
    async (isExchangeGuessed, expected) => {
      const elsewhere = { ...provided, exchange: 'shop', needs: { ...provided.needs, exchange: 'shop' } };
      const gone = { ...provided, alive: false };
      const { exchange } = await factsOf({ consumers: [gone, elsewhere], isExchangeGuessed }).plan();
      expect(exchange).toBe(expected);
    },
  );
});

import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { repository } from './documents.js';
import { complaintsOf, findPromtool } from './promtool.js';

const promtool = await findPromtool();
const rules = path.join(repository, 'docs/monitoring/alerts.yml');

/** By what a series is called, its values from the first minute on, as promtool writes them; `_` is none. */
type Series = Readonly<Record<string, string>>;

/** Asserts that exactly these alerts are firing. */
function expectFiring(series: Series, at: string, alerts: readonly string[]): void {
  const firing = 'ALERTS{alertstate="firing"}';
  const complaints = complaintsOf(promtool!, ['test', 'rules'], {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries({ [LAG]: '0x3000', ...series }).map(([name, values]) => ({
          series: name,
          values,
        })),
        promql_expr_test: [
          {
            expr: `sum without (alertstate, severity) (${firing})`,
            eval_time: at,
            exp_samples: alerts.map((labels) => ({ labels, value: 1 })),
          },
        ],
      },
    ],
  });
  expect(complaints).toBe('');
}

const LAG = 'outbox_lag_seconds{job="shop",instance="a",outbox="default"}';
const DEAD =
  'inbox_dead_letters_total{job="shop",instance="b",outbox="default",consumer="pack",reason="rejected"}';
const UNROUTABLE = 'outbox_unroutable_total{job="shop",instance="a",outbox="default",type="order.placed"}';
const REFUSED = 'outbox_publish_failures_total{job="shop",instance="a",outbox="default",type="order.placed"}';
const consumer = (what: string) =>
  `inbox_consumer_${what}{job="shop",instance="b",outbox="default",consumer="pack"}`;

const deadLetters =
  '{alertname="HandlerDeadLetters",job="shop",outbox="default",consumer="pack",reason="rejected"}';
const unroutable = '{alertname="OutboxUnroutable",job="shop",outbox="default",type="order.placed"}';
const refused = '{alertname="OutboxPublishFailing",job="shop",outbox="default",type="order.placed"}';
const unobserved = (job: string) => `{alertname="OutboxUnobserved",job="${job}",outbox="default"}`;
const ofConsumer = (alert: string) =>
  `{alertname="${alert}",job="shop",instance="b",outbox="default",consumer="pack"}`;

(promtool ? describe : describe.skip)('the alert', () => {
  test.each([
    ['HandlerDeadLetters', DEAD, deadLetters],
    ['OutboxUnroutable', UNROUTABLE, unroutable],
  ])('%s fires for what came between two scrapes, and ends', (_, series, alert) => {
    expectFiring({ [series]: '0x20 500x60' }, '20m', []);
    expectFiring({ [series]: '0x20 500x60' }, '22m', [alert]);
    expectFiring({ [series]: '0x20 500x60' }, '40m', []);
  });

  test.each([
    ['HandlerDeadLetters', DEAD, deadLetters],
    ['OutboxUnroutable', UNROUTABLE, unroutable],
  ])('%s fires for what came before the first scrape, and ends', (_, series, alert) => {
    expectFiring({ [series]: '_x20 500x60' }, '22m', [alert]);
    expectFiring({ [series]: '_x20 500x60' }, '40m', []);
  });

  test('HandlerDeadLetters fires for what a new process meets, beside an old one that has long had some', () => {
    const old = DEAD.replace('"b"', '"a"');
    expectFiring({ [old]: '7x100', [DEAD]: '_x40 500x60' }, '39m', []);
    expectFiring({ [old]: '7x100', [DEAD]: '_x40 500x60' }, '42m', [deadLetters]);
  });

  test('OutboxPublishFailing fires ten minutes after the first refusal, and not for a single one', () => {
    expectFiring({ [REFUSED]: '_x20 1+1x60' }, '29m', []);
    expectFiring({ [REFUSED]: '_x20 1+1x60' }, '30m', [refused]);
    expectFiring({ [REFUSED]: '_x20 1x60' }, '30m', []);
  });

  test('OutboxUnobserved fires for one of two jobs, and ends when it is back', () => {
    const other = { [LAG.replace('shop', 'billing')]: '0x30 _x30 0x30' };
    expectFiring(other, '30m', []);
    expectFiring(other, '45m', [unobserved('billing')]);
    expectFiring(other, '62m', []);
  });

  test('OutboxUnobserved fires for the last one too, and only once', () => {
    expectFiring({ [LAG]: '0x30 _x300' }, '5h', [unobserved('shop')]);
  });

  test('OutboxUnobserved fires where there never was any', () => {
    expectFiring({ [LAG]: '_x30' }, '4m', []);
    expectFiring({ [LAG]: '_x30' }, '6m', ['{alertname="OutboxUnobserved"}']);
  });

  test('ConsumerLost fires for a consumer that is lost', () => {
    expectFiring({ [consumer('active')]: '1x10 0x30', [consumer('paused')]: '0x40' }, '15m', [
      ofConsumer('ConsumerLost'),
    ]);
  });

  test('ConsumerLost does not fire for a consumer that is paused; ConsumerPaused does, after half an hour', () => {
    const paused = { [consumer('active')]: '1x10 _x60 1x10', [consumer('paused')]: '0x10 1x60 0x10' };
    expectFiring(paused, '30m', []);
    expectFiring(paused, '45m', [ofConsumer('ConsumerPaused')]);
    expectFiring(paused, '75m', []);
  });
});

import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { OnEvent, OutboxConsumers, OutboxService } from 'nestjs-rabbitmq-outbox';
import { OutboxOpenTelemetryModule } from 'nestjs-rabbitmq-outbox/opentelemetry';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually } from '../support/outbox-app.js';
import { recordSpans } from './spans.js';

/** A span processor of the application that throws when it is told to. */
const broken = { at: '' };
const failAt = (at: string) => () => {
  if (broken.at === at) throw new Error(`broken at ${at}`);
};
const processor = {
  onStart: failAt('onStart'),
  onEnd: failAt('onEnd'),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

@Injectable()
class Orders {
  readonly seen: unknown[] = [];

  // One at a time: a place that is not given back would be missed by the second event.
  @OnEvent('order.placed', { concurrency: 1 })
  place({ n }: { n: number }): void {
    this.seen.push(n);
  }
}

let spans: ReturnType<typeof recordSpans>;
let stage: Stage;

beforeAll(() => {
  spans = recordSpans(processor);
});
afterAll(() => spans.shutdown());
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  broken.at = '';
  await stage.close();
});

test.each(['onStart', 'onEnd'])('a span processor that throws in %s harms no event', async (at) => {
  const { app } = await stage.start({
    options: { relay: { enabled: true } },
    providers: [Orders],
    imports: [OutboxOpenTelemetryModule.forRoot({ metrics: false })],
  });
  const outbox = app.get(OutboxService);
  const orders = app.get(Orders);
  broken.at = at;

  for (const n of [1, 2, 3]) await outbox.transaction((tx) => outbox.emit(tx, 'order.placed', { n }));

  await eventually(() => orders.seen.length === 3);
  await eventually(() => app.get(OutboxConsumers).states.every(({ running }) => running === 0));
  expect(orders.seen).toEqual([1, 2, 3]);
});

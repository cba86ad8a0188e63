import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { OnEvent, OutboxTopology } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';

@Injectable()
class Handler {
  @OnEvent('order.placed', { retry: false })
  handle(): void {}
}

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage?.close());

test('an idle application declares, creates, relays and consumes nothing, and knows its handlers', async () => {
  const options = { idle: true, relay: { enabled: true }, consumers: { enabled: false } };
  const { app } = await stage.start({ providers: [Handler], options });
  const queue = stage.queue('Handler.handle');
  await expect(stage.look(queue)).rejects.toThrow(/NOT_FOUND/);
  await expect(stage.onChannel((channel) => channel.checkExchange(stage.playground.name))).rejects.toThrow(
    /NOT_FOUND/,
  );
  const tables = 'SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = $1';
  expect(await stage.playground.sql(tables, [stage.playground.name])).toEqual([{ n: 0 }]);
  const { queues, bindings } = app.get(OutboxTopology).definitions({ vhost: 'shop' });
  expect(queues).toContainEqual(expect.objectContaining({ name: queue, vhost: 'shop', durable: true }));
  expect(bindings).toContainEqual(
    expect.objectContaining({
      source: stage.playground.name,
      destination: queue,
      routing_key: 'order.placed',
    }),
  );
});

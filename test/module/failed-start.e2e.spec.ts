import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OutboxProcess } from '../relay/outbox-process.js';
import { createPlayground, type Playground } from '../support/outbox-app.js';

describe('a process whose outbox does not start', () => {
  let playground: Playground;

  beforeAll(async () => {
    playground = await createPlayground();
    const channel = await playground.channel();
    await channel.assertExchange(playground.name, 'fanout', { durable: true });
  });
  afterAll(() => playground?.close());

  test.each([
    ['the exchange is of another kind', {}, 'OUTBOX_TOPOLOGY_MISMATCH'],
    [
      'the exchange is missing',
      { rabbitmq: { topology: 'check', exchange: 'no.such.exchange' } as const },
      'OUTBOX_TOPOLOGY_MISSING',
    ],
    ['an option is wrong', { retention: 'for ever' }, 'OUTBOX_INVALID_OPTION'],
  ])('is told why, has no connection left and can end by itself: %s', async (_, options, code) => {
    const { process, error } = await OutboxProcess.fail(playground, options);
    expect(error).toMatchObject({ code });
    // The fixture ends its data source and nothing else. Anything of ours that is left would keep it alive.
    const ended = await process.ended();
    expect(ended).toBe(0);
  });

  test('ends by itself after an orderly close, too', async () => {
    const other = await createPlayground();
    try {
      const process = await OutboxProcess.start(other);
      await process.emit([{ type: 'order.placed', payload: {} }]);
      await process.close();
      expect(await process.ended()).toBe(0);
    } finally {
      await other.close();
    }
  });
});

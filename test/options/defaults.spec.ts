import { describe, expect, test } from '@jest/globals';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const HOUR = 3_600_000;
const resolve = () => resolveOptions({ service: 'orders' }, {});

describe('resolveOptions', () => {
  test('needs a service and nothing else; every default is the documented one', () => {
    expect(resolve()).toEqual({
      service: 'orders',
      rabbitmq: {
        url: ['amqp://guest:guest@localhost:5672'],
        exchange: 'events',
        queueType: 'quorum',
        topology: 'assert',
        unroutable: 'record',
        connection: { heartbeat: 10_000, reconnectDelay: 1_000 },
      },
      storage: { dataSource: 'default', table: 'outbox', inboxTable: 'outbox_inbox', migrate: true },
      emit: { codec: 'json', ordering: 'emit', maxPayload: 1_048_576 },
      relay: {
        enabled: true,
        pollInterval: 1_000,
        batchSize: 500,
        window: 2_000,
        lanes: 16,
        wakeUp: 'auto',
        publishTimeout: 10_000,
        retry: {
          attempts: 20,
          backoff: { delay: 1_000, factor: 2, maxDelay: 300_000, jitter: 'equal' },
        },
        onDead: 'park',
      },
      consumers: {
        enabled: true,
        prefetch: 100,
        retry: { delays: [1_000, 10_000, 60_000, 300_000] },
        maxRedeliveries: 20,
        enhancers: { guards: true, interceptors: true, pipes: true, filters: true },
      },
      codecs: [],
      format: 'plain',
      idle: false,
      retention: 7 * 24 * HOUR,
      inboxRetention: 30 * 86_400_000,
      shutdownTimeout: 30_000,
    });
  });
});

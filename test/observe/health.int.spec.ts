import { Controller, Get, Injectable, type INestApplication } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OnEvent, OutboxRelay, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import {
  OutboxHealthIndicator,
  OutboxHealthModule,
  type OutboxHealthOptions,
} from 'nestjs-rabbitmq-outbox/terminus';
import { PostgresStore } from '../../lib/store/postgres/postgres-store.js';
import type { EmbeddedPostgres } from '../../lib/testing/index.js';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { startPostgres } from '../support/postgres.mjs';
import { startRabbitMq, type RabbitMqNode } from '../support/rabbitmq.mjs';

@Injectable()
class Orders {
  @OnEvent('order.placed')
  handle(): void {}
}

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly outbox: OutboxHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.outbox.isHealthy('outbox')]);
  }
}

interface Answer {
  readonly code: number;
  readonly status: string;
  readonly outbox: {
    readonly status: string;
    readonly reasons: string[];
    readonly database: string;
    readonly broker: Record<string, string>;
    readonly lag?: number;
    readonly dead?: number;
  };
}

describe('GET /health', () => {
  let broker: RabbitMqNode;
  let postgres: EmbeddedPostgres | undefined;
  let playground: Playground;
  let app: TestApp | undefined;

  beforeAll(async () => {
    broker = await startRabbitMq();
  });
  afterAll(() => broker.close());
  beforeEach(async () => {
    playground = await createPlayground({ rabbitUrl: broker.url });
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    await playground.close();
    await postgres?.stop();
    postgres = undefined;
  });

  async function start(
    health: OutboxHealthOptions = {},
    options: Partial<OutboxOptions> = {},
    dataSource: NonNullable<Parameters<typeof startApp>[1]>['dataSource'] = {},
  ): Promise<TestApp> {
    app = await startApp(playground, {
      options,
      dataSource,
      imports: [
        TerminusModule.forRoot({ logger: false }),
        OutboxHealthModule.forRoot({ cache: 0, ...health }),
      ],
      providers: [Orders],
      controllers: [HealthController],
      http: true,
    });
    return app;
  }

  async function ask(): Promise<Answer> {
    const http = app?.app as unknown as INestApplication;
    const response = await fetch(`${await http.getUrl()}/health`);
    const body = (await response.json()) as { status: string; details: { outbox: Answer['outbox'] } };
    return { code: response.status, status: body.status, outbox: body.details.outbox };
  }

  test('answers 503 when the database is read-only, as a standby is after a failover', async () => {
    await (await start()).close();
    await start({}, {}, { extra: { options: '-c default_transaction_read_only=on' } });
    expect(await ask()).toMatchObject({
      code: 503,
      outbox: {
        status: 'down',
        reasons: ['the database is read-only: nothing can be emitted'],
        database: 'down',
      },
    });
  });

  test('answers 200 "ok" when all is well', async () => {
    await start();
    expect(await ask()).toEqual({
      code: 200,
      status: 'ok',
      outbox: {
        status: 'up',
        reasons: [],
        database: 'up',
        broker: { publisher: 'connected', consumer: 'connected' },
        lag: 0,
        dead: 0,
      },
    });
  });

  test('answers 200 "degraded" while the broker is stopped, and "ok" when it is back', async () => {
    await start();
    await broker.stopApp();
    const { code, status, outbox } = await eventually(async () => {
      const answer = await ask();
      return (
        answer.outbox.broker['consumer'] === 'disconnected' &&
        answer.outbox.broker['publisher'] === 'disconnected' &&
        answer
      );
    });
    expect([code, status, outbox.status]).toEqual([200, 'degraded', 'degraded']);
    expect(outbox.reasons).toEqual([
      'the broker cannot be reached (publisher)',
      'the broker cannot be reached (consumer)',
      `not consuming ${playground.name}.Orders.handle`,
    ]);
    await broker.startApp();
    await eventually(async () => (await ask()).status === 'ok');
  });

  test('answers 200 "degraded" while the broker blocks publishing', async () => {
    const { emit } = await start();
    await broker.alarm(true);
    await emit('order.placed');
    const { code, outbox } = await eventually(async () => {
      const answer = await ask();
      return answer.status === 'degraded' && answer;
    });
    expect([code, outbox.reasons]).toEqual([200, ['the broker has blocked us (publisher)']]);
    await broker.alarm(false);
    await eventually(async () => (await ask()).status === 'ok');
  });

  test('answers 200 "degraded" when an event has been waiting for too long', async () => {
    const { emit, relay } = await start({ maxLag: 100 });
    relay.pause();
    await emit('order.placed');
    const { code, outbox } = await eventually(async () => {
      const answer = await ask();
      return answer.status === 'degraded' && answer;
    });
    expect(code).toBe(200);
    expect(outbox.reasons).toEqual([
      expect.stringMatching(/^the oldest event has been waiting for \d+ ms, more than 100ms$/),
    ]);
    relay.resume();
    await eventually(async () => (await ask()).status === 'ok');
  });

  test('answers 200 "degraded" when events are dead', async () => {
    const { emit } = await start({}, { rabbitmq: { unroutable: 'fail' }, relay: { retry: { attempts: 1 } } });
    await emit('nobody.listens');
    const { code, outbox } = await eventually(async () => {
      const answer = await ask();
      return answer.status === 'degraded' && answer;
    });
    expect([code, outbox.dead, outbox.reasons]).toEqual([200, 1, ['1 events are dead, more than 0']]);
  });

  test('answers 503 "error" while the database is gone, within its time, and "ok" when it is back', async () => {
    postgres = await startPostgres();
    const elsewhere = await createPlayground({ databaseUrl: postgres.url, rabbitUrl: broker.url });
    const { playground: first } = { playground };
    playground = elsewhere;
    await start();
    await postgres.stop('immediate');
    const { code, status, outbox } = await eventually(async () => {
      const answer = await ask();
      return answer.code === 503 && answer;
    });
    expect([code, status, outbox.status, outbox.database]).toEqual([503, 'error', 'down', 'down']);
    expect(outbox.reasons[0]).toMatch(/^the database does not answer: /);
    await postgres.start();
    await eventually(async () => (await ask()).status === 'ok');
    await app?.close();
    app = undefined;
    await elsewhere.close();
    playground = first;
  });

  test('answers 503 in time when the database hangs, and asks it no second question meanwhile', async () => {
    const { dataSource } = await start({ timeout: 100 });
    const asked = jest.spyOn(PostgresStore.prototype, 'stats');
    const answers = await dataSource.transaction(async (manager) => {
      await manager.query(`LOCK TABLE ${playground.name}.outbox IN ACCESS EXCLUSIVE MODE`);
      return [await ask(), await ask(), await ask()];
    });
    expect(answers.map(({ code }) => code)).toEqual([503, 503, 503]);
    expect(answers[0]?.outbox.reasons).toEqual(['the database does not answer: no answer within 100 ms']);
    expect(asked).toHaveBeenCalledTimes(1);
    asked.mockRestore();
    await eventually(async () => (await ask()).status === 'ok');
  });

  test('looks only once in a while, however often it is asked', async () => {
    const { app: running } = await start({ cache: '1h' });
    const stats = jest.spyOn(running.get(OutboxRelay), 'stats');
    await Promise.all([ask(), ask(), ask()]);
    await ask();
    expect(stats).toHaveBeenCalledTimes(1);
  });

  test('does not ask for a broker in a process that only emits', async () => {
    await start({}, { relay: { enabled: false }, consumers: { enabled: false } });
    await broker.stopApp();
    const { status, outbox } = await ask();
    expect([status, outbox.broker]).toEqual(['ok', {}]);
    await broker.startApp();
  });

  test.each([
    [{ maxLag: 'long' as never }, 'maxLag must be a duration'],
    [{ maxDead: -1 }, 'maxDead must be an integer from 0, got -1'],
    [{ timeout: 0 }, 'timeout must be a duration of at least 1ms, got 0'],
    [{ maxlag: 1 } as never, 'maxlag is not an option'],
  ])('is refused with wrong options: %j', async (health, message) => {
    await expect(start(health)).rejects.toThrow(message);
  });
});

import { randomUUID } from 'node:crypto';
import {
  Logger,
  ValidationPipe,
  type INestApplication,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { InvalidHandlerError, OutboxTopology } from 'nestjs-rabbitmq-outbox';
import { OutboxTransportStrategy } from 'nestjs-rabbitmq-outbox/microservices';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually } from '../support/outbox-app.js';
import { appModule } from './app-module.js';
import { Boss, calls, Clash, Events, North, Scoped, South, Unknown, Wrong, type Call } from './handlers.js';

const warnings: string[] = [];
let stage: Stage;
let app: INestApplication;

beforeAll(async () => {
  stage = await openStage();
  jest
    .spyOn(Logger.prototype, 'warn')
    .mockImplementation((message: unknown) => void warnings.push(String(message)));
  const module = appModule(stage.playground, { controllers: [Events, Scoped, North, South] });
  app = await NestFactory.create(module, { logger: false });
  app.connectMicroservice({ strategy: app.get(OutboxTransportStrategy) });
  await app.startAllMicroservices();
  await app.init();
});

/** Applications of one test. */
const more: INestApplicationContext[] = [];

afterEach(async () => {
  for (const other of more.splice(0)) await other.close();
  calls.length = 0;
});

afterAll(async () => {
  await app?.close();
  await stage?.close();
});

const callsOf = (handler: string, count = 1): Promise<Call[]> =>
  eventually(() => {
    const found = calls.filter((call) => call.handler === handler);
    return found.length >= count && found;
  });

const errorOf = async (handler: string) => {
  const { headers } = (await stage.deadLetter(stage.queue(handler))).properties;
  return {
    type: headers?.['outbox-error-type'] as string,
    message: headers?.['outbox-error-message'] as string,
  };
};

describe('an @EventPattern() method', () => {
  test('consumes a queue of its own, named as those of @OnEvent()', async () => {
    await stage.publish('plain', { n: 1 });
    expect((await callsOf('plain'))[0]?.payload).toEqual({ n: 1 });
    expect((await stage.look(stage.queue('Events.plain'))).consumerCount).toBe(1);
  });

  test('takes patterns as RabbitMQ has them, several on one queue, and the context by @Ctx()', async () => {
    const ids = [await stage.publish('wild.card', 1), await stage.publish('to.the.very.end', 2)];
    const found = await callsOf('wild', 2);
    expect(found.map(({ context }) => `${context?.id} ${context?.routingKey}`).sort()).toEqual(
      [`${ids[0]} wild.card`, `${ids[1]} to.the.very.end`].sort(),
    );
    expect(found[0]?.context?.queue).toBe(stage.queue('Events.wild'));
  });

  test('is retried as its extras say, and its dead letter has the error that it threw', async () => {
    await stage.publish('many');
    expect(await errorOf('Events.failing')).toEqual({ type: 'TypeError', message: 'not this time' });
    expect(calls.map(({ context }) => context?.attempt)).toEqual([1, 2, 3]);
  });

  test('fails with what its Observable fails with', async () => {
    await stage.publish('observable');
    expect(await errorOf('Events.observable')).toEqual({ type: 'TypeError', message: 'in a stream' });
  });

  test('decides by Reject, Abort and Retry', async () => {
    await stage.publish('signal', { what: 'abort' });
    await stage.publish('signal', { what: 'reject' });
    expect(await errorOf('Events.signal')).toEqual({ type: 'Reject', message: 'never' });
    const id = await stage.publish('signal', { what: 'retry' });
    const copy = await eventually(() => stage.take(`${stage.playground.name}.retry.2h`));
    expect(copy.properties.messageId).toBe(id);
    await stage.publish('signal', { what: 'rpc' });
    await eventually(() => stage.take(`${stage.playground.name}.retry.1h`));
    expect(await stage.take(`${stage.queue('Events.signal')}.dlq`)).toBeUndefined();
  });

  test('is a dead letter at once when a pipe refuses the payload', async () => {
    await stage.publish('checked', { cents: 'few' });
    const { type, message } = await errorOf('Events.checked');
    expect(type).toBe('BadRequestException');
    expect(message).toMatch(/cents must be an integer/);
    expect(calls).toEqual([]);
  });

  test('that a guard refuses ends in its dead letters, with what Nest says', async () => {
    await stage.publish('guarded');
    expect((await errorOf('Events.guarded')).message).toMatch(/Forbidden resource/);
    expect(calls).toEqual([]);
  });

  test('is a dead letter at once when a guard forbids it', async () => {
    await stage.publish('forbidden');
    expect(await errorOf('Events.forbidden')).toEqual({ type: 'ForbiddenException', message: 'not for you' });
    expect(calls).toEqual([]);
  });

  test('has its errors dealt with by filters that return a value, and by no others', async () => {
    await stage.publish('filtered', { what: 'forgive' });
    await callsOf('forgiven');
    await stage.publish('filtered', { what: 'grumble' });
    expect(await errorOf('Events.filtered')).toEqual({ type: 'SyntaxError', message: 'grumble' });
  });

  test('of a request-scoped controller runs on a new one for each event, and fails as others do', async () => {
    const first = await stage.publish('scoped', {});
    await stage.publish('scoped', { fail: true });
    expect(await errorOf('Scoped.handle')).toEqual({ type: 'RangeError', message: 'scoped failure' });
    const found = await callsOf('scoped', 2);
    expect(found[0]).toMatchObject({ payload: { same: true }, context: { id: first } });
    expect(new Set(found.map(({ payload }) => (payload as { number: number }).number)).size).toBe(2);
  });

  test('with an inbox is handled once, in a transaction', async () => {
    const messageId = await stage.publish('kept');
    await stage.publish('kept', {}, { messageId });
    const next = await stage.publish('kept');
    const found = await callsOf('kept', 2);
    expect(found.map(({ payload, context }) => [payload, context?.id])).toEqual([
      [true, messageId],
      [true, next],
    ]);
  });

  test('that two controllers inherit is a handler of each', async () => {
    await stage.publish('inherited', { n: 1 });
    await callsOf('North');
    await callsOf('South');
    for (const handler of ['North.inherited', 'South.inherited'])
      expect((await stage.look(stage.queue(handler))).consumerCount).toBe(1);
  });

  test('for this transport is consumed; those for others, and requests, are not', async () => {
    await stage.publish('ours');
    await callsOf('ours');
    for (const handler of ['Events.theirs', 'Events.request', 'Events.object'])
      await expect(stage.look(stage.queue(handler))).rejects.toThrow(/NOT_FOUND/);
    expect(warnings).toContain(
      'Events.object is not consumed: types of events are strings, not {"cmd":"object"}.',
    );
  });

  test('works beside @OnEvent()', async () => {
    await stage.publish('beside', { n: 1 });
    expect((await callsOf('beside'))[0]?.payload).toEqual({ n: 1 });
  });

  test('gets a message that was put straight on its queue', async () => {
    await stage.send(stage.queue('Events.wild'), '{"n":1}', { messageId: randomUUID() });
    expect((await callsOf('wild'))[0]?.payload).toEqual({ n: 1 });
  });
});

test('the strategy of a named outbox brings the handlers to that one', async () => {
  const provider = OutboxTransportStrategy.forOutbox('billing');
  const module = appModule(stage.playground, {
    name: 'billing',
    options: { service: `${stage.playground.name}-billing` },
    controllers: [Boss],
    providers: [provider],
  });
  const billing = await NestFactory.create(module, { logger: false });
  more.push(billing);
  billing.connectMicroservice({ strategy: billing.get<OutboxTransportStrategy>(provider.provide) });
  await billing.startAllMicroservices();
  await billing.init();
  await stage.publish('boss', { n: 2 });
  expect((await callsOf('boss'))[0]?.payload).toEqual({ n: 2 });
  expect((await stage.look(`${stage.playground.name}-billing.Boss.handle`)).consumerCount).toBe(1);
});

/** Another application, which listens after it has started. */
async function late(...controllers: Type[]): Promise<{ listening: Promise<unknown> }> {
  const other = await NestFactory.create(appModule(stage.playground, { controllers }), { logger: false });
  more.push(other);
  const microservice = other.connectMicroservice({ strategy: other.get(OutboxTransportStrategy) });
  microservice.useGlobalPipes(new ValidationPipe());
  await other.init();
  return { listening: other.startAllMicroservices() };
}

test('an application that is only asked tells of the queues of its @EventPattern() methods, too', async () => {
  const module = appModule(stage.playground, { options: { idle: true }, controllers: [Events] });
  const idle = await NestFactory.createApplicationContext(module, { logger: false });
  more.push(idle);
  const queues = idle
    .get(OutboxTopology)
    .definitions()
    .queues.map(({ name }) => name);
  for (const handler of ['Events.plain', 'Events.wild', 'Events.ours', 'Events.beside'])
    expect(queues).toContain(stage.queue(handler));
  for (const handler of ['Events.theirs', 'Events.request', 'Events.object'])
    expect(queues).not.toContain(stage.queue(handler));
});

test('an option that there is not fails the start, by name, where no other transport can want it', async () => {
  const other = NestFactory.create(appModule(stage.playground, { controllers: [Unknown()] }), {
    logger: false,
    abortOnError: false,
  });
  await expect(other).rejects.toThrow(InvalidHandlerError);
  await expect(other).rejects.toThrow(/Unknown\.handle: "prefech" is not an option of @EventPattern\(\)/);
});

describe('a microservice that listens after its application has started', () => {
  test('consumes from then on', async () => {
    const { listening } = await late(Boss);
    await listening;
    await stage.publish('boss', { n: 1 });
    expect((await callsOf('boss'))[0]?.payload).toEqual({ n: 1 });
  });

  test('fails to start for options that are wrong, by name', async () => {
    const start = late(Wrong());
    await expect(start).rejects.toThrow(InvalidHandlerError);
    await expect(start).rejects.toThrow(/@OnEvent\(\) on Wrong\.handle: prefetch must be an integer/);
  });

  test('fails to listen for a queue that is consumed already, by name', async () => {
    const { listening } = await late(Clash(`${stage.playground.name}.shared`));
    await expect(listening).rejects.toThrow(InvalidHandlerError);
    await expect(listening).rejects.toThrow(/queue ".*\.shared" is consumed already, by Clash\.first\./);
  });
});

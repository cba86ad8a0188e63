import { Logger, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AsyncMicroserviceOptions, MicroserviceOptions } from '@nestjs/microservices';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { OutboxTransportStrategy } from 'nestjs-rabbitmq-outbox/microservices';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually } from '../support/outbox-app.js';
import { appModule } from './app-module.js';
import { calls, Events, Slow } from './handlers.js';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});

afterEach(() => {
  calls.length = 0;
});

afterAll(() => stage?.close());

const inject: AsyncMicroserviceOptions = {
  inject: [OutboxTransportStrategy],
  useFactory: (strategy: OutboxTransportStrategy) => ({ strategy }) as MicroserviceOptions,
};

test('an application that is nothing but a microservice consumes, with what is global to it', async () => {
  const module = appModule(stage.playground, { controllers: [Events] });
  const service = await NestFactory.createMicroservice(module, { ...inject, logger: false });
  service.useGlobalPipes(new ValidationPipe());
  await service.listen();
  await stage.publish('many');
  await stage.deadLetter(stage.queue('Events.failing'));
  expect(calls.map(({ handler }) => handler)).toEqual(['failing', 'failing', 'failing']);
  await service.close();
  expect((await stage.look(stage.queue('Events.failing'))).consumerCount).toBe(0);
});

test('a microservice that is told to stop waits for the handler that runs, and starts no other', async () => {
  const module = appModule(stage.playground, { controllers: [Slow] });
  const service = await NestFactory.createMicroservice(module, { ...inject, logger: false });
  await service.listen();
  await stage.publish('slow', { n: 1 });
  await eventually(() => calls.length === 1);
  const slow = service.get(Slow);
  const closing = service.close();
  await slow.cancelled.opened;
  await stage.publish('slow', { n: 2 });
  slow.released.open();
  await closing;
  expect(calls.map(({ handler }) => handler)).toEqual(['slow begins', 'slow ends']);
  expect((await stage.look(stage.queue('Slow.handle'))).messageCount).toBe(1);
});

test('a process that must not consume listens, and leaves the queues alone', async () => {
  const options = { consumers: { enabled: false } };
  const module = appModule(stage.playground, { options, controllers: [Events] });
  const service = await NestFactory.createMicroservice(module, { ...inject, logger: false });
  await service.listen();
  await stage.publish('plain');
  await service.close();
  expect(calls).toEqual([]);
});

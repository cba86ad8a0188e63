import { Controller, Injectable, Module, type INestMicroservice } from '@nestjs/common';
import {
  ClientProxyFactory,
  Ctx,
  EventPattern,
  Payload,
  RmqContext,
  RmqRecordBuilder,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { NestFactory } from '@nestjs/core';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, type WireFormat } from 'nestjs-rabbitmq-outbox';
import { OutboxRmqDeserializer } from 'nestjs-rabbitmq-outbox/microservices';
import { lastValueFrom } from 'rxjs';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { openStage, type Stage } from '../consume/stage.js';

interface Seen {
  readonly pattern: string;
  readonly data: unknown;
  readonly messageId: string;
}

const stock: Seen[] = [];
const ours: Array<{ payload: unknown; context: EventContext }> = [];

function note(data: unknown, given: unknown): void {
  const context = given as RmqContext;
  const message = context.getMessage() as unknown as ConsumeMessage;
  stock.push({ pattern: context.getPattern(), data, messageId: String(message.properties.messageId) });
  (context.getChannelRef() as { ack(message: unknown): void }).ack(message);
}

@Controller()
class StockController {
  @EventPattern('order.placed')
  placed(@Payload() data: unknown, @Ctx() context: unknown): void {
    note(data, context);
  }

  @EventPattern('order.*')
  any(@Payload() data: unknown, @Ctx() context: unknown): void {
    note(data, context);
  }
}

@Module({ controllers: [StockController] })
class StockModule {}

@Injectable()
class OurHandler {
  @OnEvent('from.#')
  handle(payload: unknown, context: EventContext): void {
    ours.push({ payload, context });
  }
}

let stage: Stage;
let app: TestApp;
const services: INestMicroservice[] = [];
const clients: ClientProxy[] = [];

/** A stock Nest microservice on a queue of its own, bound to our exchange. */
async function startStock(name: string, deserializer?: OutboxRmqDeserializer): Promise<void> {
  const queue = `${stage.playground.name}.${name}`;
  const service = await NestFactory.createMicroservice(StockModule, {
    transport: Transport.RMQ,
    logger: false,
    options: {
      urls: [stage.playground.rabbitUrl],
      queue,
      queueOptions: { durable: true },
      exchange: stage.playground.name,
      exchangeType: 'topic',
      wildcards: true,
      noAck: false,
      ...(deserializer && { deserializer }),
    },
  });
  services.push(service);
  await service.listen();
  await eventually(async () => (await stage.look(queue)).consumerCount === 1);
}

beforeAll(async () => {
  stage = await openStage();
  app = await stage.start({ providers: [OurHandler], options: { relay: { enabled: true } } });
});

afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
  for (const client of clients.splice(0)) await client.close();
  stock.length = 0;
  ours.length = 0;
});

afterAll(() => stage?.close());

describe('a stock Nest microservice', () => {
  test('consumes events in the format nest as they are', async () => {
    await startStock('plain-stock');
    const placed = await app.emit('order.placed', { id: 7 }, { format: 'nest', key: 'k' });
    const shipped = await app.emit('order.shipped', [1, 'ü'], { format: 'nest' });
    await eventually(() => stock.length === 2);
    expect(stock).toContainEqual({ pattern: 'order.placed', data: { id: 7 }, messageId: placed });
    expect(stock).toContainEqual({ pattern: 'order.shipped', data: [1, 'ü'], messageId: shipped });
  });

  test.each<WireFormat>(['plain', 'nest', 'cloudevents', 'cloudevents-structured'])(
    'consumes events in the format %s with our deserializer',
    async (format) => {
      await startStock(`stock-${format}`, new OutboxRmqDeserializer());
      const payloads = [{ id: 7, pattern: 'none of yours' }, { pattern: 'x', data: 1 }, 'text', null];
      for (const payload of payloads) {
        const messageId = await app.emit('order.placed', payload, { format });
        const seen = await eventually(() => stock.find((one) => one.messageId === messageId));
        expect(seen).toEqual({ pattern: 'order.placed', data: payload, messageId });
      }
    },
  );

  test('gets text as text and what is bytes in a structured CloudEvent as bytes', async () => {
    await startStock('stock-bytes', new OutboxRmqDeserializer());
    await app.emit('order.placed', 'grüße', { codec: 'text' });
    await app.emit('order.shipped', Buffer.from([0, 255]), { format: 'cloudevents-structured' });
    await eventually(() => stock.length === 2);
    const data = Object.fromEntries(stock.map((one) => [one.pattern, one.data]));
    expect(data).toEqual({ 'order.placed': 'grüße', 'order.shipped': Buffer.from([0, 255]) });
  });

  test('with our deserializer still consumes what its own kind emits', async () => {
    await startStock('stock-mixed', new OutboxRmqDeserializer());
    await lastValueFrom(client().emit('order.placed', { id: 8 }), { defaultValue: undefined });
    await eventually(() => stock.length === 1);
    expect(stock[0]).toMatchObject({ pattern: 'order.placed', data: { id: 8 } });
  });
});

/** A stock client that publishes to our exchange. */
function client(): ClientProxy {
  const made = ClientProxyFactory.create({
    transport: Transport.RMQ,
    options: {
      urls: [stage.playground.rabbitUrl],
      exchange: stage.playground.name,
      exchangeType: 'topic',
      wildcards: true,
      persistent: true,
    },
  });
  made['logger' as never] = { log: () => undefined, error: () => undefined } as never;
  clients.push(made);
  return made;
}

describe('a handler of ours', () => {
  test('gets what ClientProxy.emit() publishes', async () => {
    await lastValueFrom(client().emit('from.nest', { id: 9 }), { defaultValue: undefined });
    const { payload, context } = await eventually(() => ours[0]);
    expect(payload).toEqual({ id: 9 });
    expect(context).toMatchObject({ type: 'from.nest', routingKey: 'from.nest', attempt: 1 });
  });

  test('gets what it publishes with headers and properties of a record', async () => {
    const record = new RmqRecordBuilder({ id: 9 })
      .setOptions({ headers: { tenant: 'acme' }, messageId: 'm-1', contentType: 'application/json' })
      .build();
    await lastValueFrom(client().emit('from.record', record), { defaultValue: undefined });
    const { payload, context } = await eventually(() => ours[0]);
    expect(payload).toEqual({ id: 9 });
    expect(context).toMatchObject({ id: 'm-1', type: 'from.record', headers: { tenant: 'acme' } });
  });
});

// @golevelup/nestjs-rabbitmq, on the Nest it is made for: a subscriber that acks by returning.
import 'reflect-metadata';
import { RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HandlerCount } from '../processes/handler-count.mjs';

const count = new HandlerCount();
let site;

export async function start(where) {
  site = where;
}

export async function consume(events, prefetch) {
  class Consumer {
    handle() {
      count.handled();
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Consumer.prototype, 'handle');
  RabbitSubscribe({ queue: site.queue, createQueueIfNotExists: false })(
    Consumer.prototype,
    'handle',
    descriptor,
  );
  class App {}
  const rabbit = RabbitMQModule.forRoot({
    uri: site.rabbitUrl,
    prefetchCount: prefetch,
    connectionInitOptions: { wait: true },
  });
  Module({ imports: [rabbit], providers: [Consumer] })(App);
  const done = count.expect(events);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
  const result = await done;
  await app.close();
  return result;
}

// A stock Nest microservice on RabbitMQ, with acks of its own, as Nest's documentation has it.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload, Transport } from '@nestjs/microservices';
import { HandlerCount } from './handler-count.mjs';

const count = new HandlerCount();
let site;

class Consumer {
  handle(_event, context) {
    count.handled();
    context.getChannelRef().ack(context.getMessage());
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Consumer.prototype, 'handle');
EventPattern('bench.event')(Consumer.prototype, 'handle', descriptor);
Payload()(Consumer.prototype, 'handle', 0);
Ctx()(Consumer.prototype, 'handle', 1);
Controller()(Consumer);

class App {}
Module({ controllers: [Consumer] })(App);

export async function start(where) {
  site = where;
}

export async function consume(events, prefetch) {
  const done = count.expect(events);
  const options = {
    urls: [site.rabbitUrl],
    queue: site.queue,
    noAssert: true,
    noAck: false,
    prefetchCount: prefetch,
  };
  const app = await NestFactory.createMicroservice(App, {
    transport: Transport.RMQ,
    options,
    logger: ['error', 'warn'],
  });
  await app.listen();
  const result = await done;
  await app.close();
  return result;
}

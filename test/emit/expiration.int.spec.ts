import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { ConsumeMessage } from 'amqplib';
import { OnEvent, Reject, type EventContext } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, type TestApp } from '../support/outbox-app.js';

@Injectable()
class Listener {
  readonly expirations: unknown[] = [];

  @OnEvent('fails.#', { retry: ['1h'] })
  fails(_payload: unknown, { message, type }: EventContext<ConsumeMessage>) {
    this.expirations.push(message.properties.expiration);
    if (type === 'fails.for.good') throw new Reject();
    if (type !== 'fails.not') throw new Error('not this time');
  }
}

let stage: Stage;
let app: TestApp;

beforeAll(async () => {
  stage = await openStage();
  app = await stage.start({
    providers: [Listener],
    options: { relay: { enabled: true, pollInterval: 200 }, emit: { expiration: '2h' } },
  });
});
afterAll(() => stage?.close());
beforeEach(() => void (app.app.get(Listener).expirations.length = 0));

const expirations = () => app.app.get(Listener).expirations;
const retryCopy = () => eventually(() => stage.take(`${stage.playground.name}.retry.1h`));

test.each([
  ['of one event', { expiration: '90m' }, '5400000'],
  ['of the module, for events that say nothing', {}, '7200000'],
  ['of one event in milliseconds', { expiration: 60_001 }, '60001'],
])('the expiration %s reaches the message, and stays behind when it is retried', async (_, options, text) => {
  const id = await app.emit('fails.once', {}, options);
  const { properties } = await retryCopy();
  expect(expirations()).toEqual([text]);
  expect(properties.messageId).toBe(id);
  expect(properties.expiration).toBeUndefined();
});

test('the expiration stays behind when the event becomes a dead letter', async () => {
  await app.emit('fails.for.good', {}, { expiration: '90m' });
  const { properties } = await stage.deadLetter(stage.queue('Listener.fails'));
  expect(expirations()).toEqual(['5400000']);
  expect(properties.expiration).toBeUndefined();
});

test('an event that expires where nobody consumes it becomes a dead letter of its queue', async () => {
  await app.close();
  const writer = await stage.start({ options: { relay: { enabled: true, pollInterval: 200 } } });
  const id = await writer.emit('fails.not', { price: 5 }, { expiration: 50 });
  const { content, properties } = await stage.deadLetter(stage.queue('Listener.fails'));
  expect(properties.messageId).toBe(id);
  expect(JSON.parse(content.toString())).toEqual({ price: 5 });
  expect(properties.headers?.['x-first-death-reason']).toBe('expired');
  expect(expirations()).toEqual([]);
});

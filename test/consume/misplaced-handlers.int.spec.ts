import { Injectable, Logger, type DynamicModule, type Type } from '@nestjs/common';
import { EventEmitterModule, OnEvent as OnEmitterEvent } from '@nestjs/event-emitter';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { InvalidHandlerError, OnEvent, OutboxModule } from 'nestjs-rabbitmq-outbox';
import { assertOutbox } from '../../lib/consume/handler-checks.js';
import { outboxOptions } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

@Injectable()
class Listener {
  @OnEvent('order.placed')
  right(): void {}

  @OnEmitterEvent('order.placed')
  wrong(): void {}
}

let stage: Stage;
let warnings: string[];

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage?.close());

beforeEach(() => {
  warnings = [];
  jest
    .spyOn(Logger.prototype, 'warn')
    .mockImplementation((message: unknown) => void warnings.push(String(message)));
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** An outbox of its own, in tables of its own, that neither relays nor consumes. */
const idle = (name: string): DynamicModule => {
  const options = outboxOptions(stage.playground, {
    service: `${stage.playground.name}-${name}`,
    storage: { table: `outbox_${name}`, inboxTable: `inbox_${name}` },
    relay: { enabled: false },
  });
  return OutboxModule.forRoot({ ...options, name });
};

test('@OnEvent() of @nestjs/event-emitter is warned of when its module is not there, once', async () => {
  const app = await stage.start({ providers: [Listener], imports: [idle('billing')] });
  expect(warnings.filter((line) => line.includes('event-emitter'))).toEqual([
    "Listener.wrong has the @OnEvent() of @nestjs/event-emitter, whose module is not imported: nobody calls it. For events of the outbox import { OnEvent } from 'nestjs-rabbitmq-outbox'.",
  ]);
  await app.close();
});

test('@OnEvent() of @nestjs/event-emitter is fine when its module is there', async () => {
  const app = await stage.start({ providers: [Listener], imports: [EventEmitterModule.forRoot()] });
  expect(warnings).toEqual([]);
  await app.close();
});

function handlerFor(outbox: string | undefined): Type {
  @Injectable()
  class Lost {
    @OnEvent('order.placed', { ...(outbox !== undefined && { outbox }) })
    handle(): void {}
  }
  return Lost;
}

test('a handler for an outbox that is not there fails the start, with the names of those that are', async () => {
  const start = stage.start({ providers: [handlerFor('biling')], imports: [idle('billing')] });
  await expect(start).rejects.toThrow(InvalidHandlerError);
  await expect(start).rejects.toThrow(
    `@OnEvent() on Lost.handle: outbox "biling" is none of this application's, which are: 'default', 'billing'.`,
  );
});

test('a handler that names its outbox is consumed by that one', async () => {
  const app = await stage.start({ providers: [handlerFor('billing')], imports: [idle('billing')] });
  const queue = `${stage.playground.name}-billing.Lost.handle`;
  expect((await stage.look(queue)).consumerCount).toBe(1);
  await app.close();
});

test('a handler without an outbox fails the start where every outbox has a name', () => {
  expect(() => assertOutbox('Lost.handle', undefined, ['orders', 'billing'])).toThrow(
    "@OnEvent() on Lost.handle: there is no outbox without a name in this application; say which one by { outbox }: 'orders', 'billing'.",
  );
});

import { createHook } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { OnEvent } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from './stage.js';

const EVENTS = 200;

@Injectable()
class Counting {
  private left = EVENTS;
  private tell: () => void = () => undefined;
  readonly handledAll = new Promise<void>((resolve) => (this.tell = resolve));

  @OnEvent('work')
  async handle(): Promise<void> {
    if (--this.left === 0) this.tell();
  }
}

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(() => stage.close());

test('to handle an event takes few promises, each of which an asynchronous context follows', async () => {
  const { app } = await stage.start({ providers: [Counting] });
  let promises = 0;
  const counting = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') promises++;
    },
  });

  counting.enable();
  try {
    await stage.onChannel(async (channel) => {
      for (let sent = 0; sent < EVENTS; sent++)
        channel.sendToQueue(stage.queue('Counting.handle'), Buffer.from('{}'));
      await app.get(Counting).handledAll;
    });
  } finally {
    counting.disable();
  }

  // The method's own, and one each for what it came to, the outcome, the settlement and the count of what runs.
  expect(promises / EVENTS).toBeLessThan(6);
});

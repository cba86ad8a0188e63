import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../../consume/stage.js';
import { eventually } from '../../support/outbox-app.js';
import { startProxy, type Proxy } from './proxy.js';

@Injectable()
class Cache {
  readonly seen: EventContext[] = [];

  @OnEvent('cache.*', { broadcast: true, retry: ['100ms'] })
  refresh(_payload: unknown, context: EventContext): void {
    this.seen.push(context);
    if (context.attempt === 1 && context.headers['fail'] === true) throw new Error('once');
  }
}

let stage: Stage;
let proxy: Proxy;
let cache: Cache;

beforeAll(async () => {
  stage = await openStage();
});

beforeEach(async () => {
  proxy = await startProxy(stage.playground.rabbitUrl);
  // Shorter ones are missed on a busy machine without anybody's doing, and what is on the queue then goes with it.
  const connection = { heartbeat: '3s', reconnectDelay: 50 } as const;
  const { app } = await stage.start({
    providers: [Cache],
    options: { rabbitmq: { url: proxy.url, connection } },
  });
  cache = app.get(Cache);
});

afterEach(() => proxy.close());

afterAll(() => stage?.close());

/** Publishes until one of these events arrives: those of an interruption do not, and earlier ones may be late. */
async function arrival(): Promise<EventContext> {
  const ids = new Set<string>();
  return eventually(async () => {
    ids.add(await stage.publish('cache.cleared'));
    return cache.seen.find(({ id }) => ids.has(id));
  });
}

test.each([
  ['lost', () => proxy.cut()],
  // The broker holds the queue for the old connection until it, too, has missed its heartbeats.
  ['dead without a word', () => proxy.stall()],
])('a broadcast queue is there again, by its name, after its connection was %s', async (_how, interrupt) => {
  const { queue } = await arrival();
  interrupt();
  const { redelivered } = await arrival();
  expect(redelivered).toBe(false);
  expect(cache.seen.at(-1)?.queue).toBe(queue);
  const id = await stage.publish('cache.cleared', {}, { headers: { fail: true } });
  await eventually(() => cache.seen.filter((context) => context.id === id).length === 2);
});

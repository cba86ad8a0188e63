import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from '@jest/globals';
import { filter, map } from 'rxjs';
import { Lifecycle } from '../../lib/lifecycle/lifecycle.js';
import type { LifecycleMessage } from '../../lib/lifecycle/messages.js';
import { OutboxLifecycle } from '../../lib/lifecycle/outbox-lifecycle.js';

const NAME = 'nestjs-rabbitmq-outbox:consumer-lost';
const OUTAGE = { queue: 'orders', reason: 'the channel was closed' };

function outbox(name = 'default') {
  const warnings: string[] = [];
  const lifecycle = new Lifecycle(name, { warn: (text: string) => void warnings.push(text) });
  return { warnings, lifecycle, observed: new OutboxLifecycle(lifecycle) };
}

describe('the lifecycle', () => {
  test('tells its listeners what happened, and in which outbox', () => {
    const { lifecycle, observed } = outbox('billing');
    const heard: LifecycleMessage[] = [];
    observed.on('consumer-lost', (message) => heard.push(message));
    lifecycle.tell('consumer-lost', OUTAGE);
    lifecycle.tell('consumer-recovered', { queue: 'orders' });
    expect(heard).toEqual([{ name: 'consumer-lost', outbox: 'billing', ...OUTAGE }]);
  });

  test('tells nobody once the subscription has ended, and a function subscribed twice once per subscription', () => {
    const { lifecycle, observed } = outbox();
    const heard: string[] = [];
    const listener = ({ queue }: { queue: string }) => heard.push(queue);
    const [first, second] = [observed.on('consumer-lost', listener), observed.on('consumer-lost', listener)];
    lifecycle.tell('consumer-lost', OUTAGE);
    first();
    lifecycle.tell('consumer-lost', OUTAGE);
    second();
    lifecycle.tell('consumer-lost', OUTAGE);
    expect(heard).toHaveLength(3);
  });

  test('is an Observable of every message', () => {
    const { lifecycle, observed } = outbox();
    const heard: string[] = [];
    const subscription = observed.events$
      .pipe(
        filter(({ name }) => name.startsWith('relay-')),
        map(({ name }) => name),
      )
      .subscribe((name) => heard.push(name));
    lifecycle.tell('relay-paused', {});
    lifecycle.tell('consumer-lost', OUTAGE);
    lifecycle.tell('relay-resumed', {});
    subscription.unsubscribe();
    lifecycle.tell('relay-paused', {});
    expect(heard).toEqual(['relay-paused', 'relay-resumed']);
    expect(lifecycle.heard('relay-paused')).toBe(false);
  });

  test('tells the channel of node:diagnostics_channel, whichever outbox it is, and its own listeners only of their own', () => {
    const [orders, billing] = [outbox('orders'), outbox('billing')];
    const heard: unknown[] = [];
    const own: unknown[] = [];
    const subscriber = (message: unknown) => void heard.push((message as LifecycleMessage).outbox);
    orders.observed.on('consumer-lost', ({ outbox: name }) => own.push(name));
    subscribe(NAME, subscriber);
    try {
      orders.lifecycle.tell('consumer-lost', OUTAGE);
      billing.lifecycle.tell('consumer-lost', OUTAGE);
    } finally {
      unsubscribe(NAME, subscriber);
    }
    expect([heard, own]).toEqual([['orders', 'billing'], ['orders']]);
  });

  test('knows whether anybody listens, so that nothing is put together for nobody', () => {
    const { lifecycle, observed } = outbox();
    const [nobody, somebody] = [lifecycle.heard('published'), () => lifecycle.heard('published')];
    const stop = observed.on('published', () => undefined);
    const listening = somebody();
    stop();
    const stopped = somebody();
    const subscriber = () => undefined;
    subscribe('nestjs-rabbitmq-outbox:published', subscriber);
    const subscribed = somebody();
    unsubscribe('nestjs-rabbitmq-outbox:published', subscriber);
    expect([nobody, listening, stopped, subscribed, somebody()]).toEqual([false, true, false, true, false]);
  });

  test('goes on when a listener throws or rejects, and logs it once', async () => {
    const { lifecycle, observed, warnings } = outbox();
    const heard: string[] = [];
    const fail = () => {
      throw new Error('a listener with a bug');
    };
    observed.on('consumer-lost', fail);
    observed.on('consumer-lost', () => Promise.reject(new Error('one that fails later')));
    observed.on('consumer-lost', ({ queue }) => heard.push(queue));
    lifecycle.tell('consumer-lost', OUTAGE);
    lifecycle.tell('consumer-lost', OUTAGE);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual(['orders', 'orders']);
    expect(warnings.filter((text) => text.includes('a listener with a bug'))).toHaveLength(1);
    expect(warnings.filter((text) => text.includes('one that fails later'))).toHaveLength(1);
  });

  test('tells those that subscribed before it was made', () => {
    const heard: unknown[] = [];
    const subscriber = (message: unknown) => void heard.push(message);
    channel(NAME).subscribe(subscriber);
    try {
      outbox().lifecycle.tell('consumer-lost', OUTAGE);
    } finally {
      channel(NAME).unsubscribe(subscriber);
    }
    expect(heard).toHaveLength(1);
  });
});

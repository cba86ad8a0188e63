import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { matchesPattern } from '../../lib/event/pattern.js';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

/** The handler that takes it, and what the broker is expected to make of it. */
const PATTERNS: Record<string, { method: string; gets: string[] }> = {
  'user.*': { method: 'oneWord', gets: ['user.created', 'user.deleted'] },
  'user.#': {
    method: 'anyWords',
    gets: ['user', 'user.created', 'user.deleted', 'user.created.eu', 'user.address.created'],
  },
  '#.created': {
    method: 'ending',
    gets: [
      'created',
      'user.created',
      'users.created',
      'order.created',
      'user.address.created',
      'a.b.c.d.created',
    ],
  },
  '*.created.*': { method: 'middle', gets: ['user.created.eu', 'order.created.eu'] },
  '*.*': { method: 'twoWords', gets: ['user.created', 'user.deleted', 'order.created', 'users.created'] },
  '#.eu.#': { method: 'around', gets: ['user.created.eu', 'order.created.eu', 'eu', 'shop.eu.closed'] },
  'user.created': { method: 'exact', gets: ['user.created'] },
};

const TYPES = [
  'user',
  'created',
  'eu',
  'user.created',
  'user.deleted',
  'users.created',
  'order.created',
  'user.created.eu',
  'order.created.eu',
  'user.address.created',
  'shop.eu.closed',
  'a.b.c.d.created',
  'User.Created.EU.x',
  'user-created',
];

const METHODS = [...Object.values(PATTERNS).map(({ method }) => method), 'all', 'list'];

class Recorder {
  readonly seen = new Map<string, string[]>();

  protected record(context: EventContext, method: string): void {
    this.seen.set(method, [...(this.seen.get(method) ?? []), context.routingKey]);
  }
}

@Injectable()
class Everyone extends Recorder {
  @OnEvent('user.*')
  oneWord(_payload: unknown, context: EventContext): void {
    this.record(context, 'oneWord');
  }

  @OnEvent('user.#')
  anyWords(_payload: unknown, context: EventContext): void {
    this.record(context, 'anyWords');
  }

  @OnEvent('#.created')
  ending(_payload: unknown, context: EventContext): void {
    this.record(context, 'ending');
  }

  @OnEvent('#')
  all(_payload: unknown, context: EventContext): void {
    this.record(context, 'all');
  }

  @OnEvent('*.created.*')
  middle(_payload: unknown, context: EventContext): void {
    this.record(context, 'middle');
  }

  @OnEvent('*.*')
  twoWords(_payload: unknown, context: EventContext): void {
    this.record(context, 'twoWords');
  }

  @OnEvent('#.eu.#')
  around(_payload: unknown, context: EventContext): void {
    this.record(context, 'around');
  }

  @OnEvent('user.created')
  exact(_payload: unknown, context: EventContext): void {
    this.record(context, 'exact');
  }

  @OnEvent(['user.created', 'user.*', 'order.#'])
  list(_payload: unknown, context: EventContext): void {
    this.record(context, 'list');
  }
}

describe('a pattern gets exactly what the broker says', () => {
  let stage: Stage;
  let handled: ReadonlyMap<string, string[]>;

  beforeAll(async () => {
    stage = await openStage();
    const { app } = await stage.start({ providers: [Everyone] });
    handled = app.get(Everyone).seen;
    await stage.onChannel(async (channel) => {
      for (const [pattern, { method }] of Object.entries(PATTERNS)) {
        await channel.assertQueue(stage.queue(`control.${method}`), { durable: false, exclusive: true });
        await channel.bindQueue(stage.queue(`control.${method}`), stage.playground.name, pattern);
      }
    });
    for (const type of TYPES) await stage.publish(type);
    // Queues keep their order: a handler that has seen what stands last in its queue has seen all of it.
    for (const method of METHODS) {
      const last = stage.queue(`Everyone.${method}`);
      await stage.send(last, '{}');
      await eventually(() => handled.get(method)?.at(-1) === last);
      handled.get(method)?.pop();
    }
  });

  afterAll(() => stage?.close());

  async function control(method: string): Promise<string[]> {
    const queue = stage.queue(`control.${method}`);
    const keys: string[] = [];
    for (let got = await stage.take(queue); got; got = await stage.take(queue))
      keys.push(got.fields.routingKey);
    return keys;
  }

  test.each(Object.entries(PATTERNS))('%s', async (pattern, { method, gets }) => {
    const expected = TYPES.filter((type) => gets.includes(type));
    expect(handled.get(method)).toEqual(expected);
    expect(await control(method)).toEqual(expected);
    expect(TYPES.filter((type) => matchesPattern(pattern, type))).toEqual(expected);
  });

  test('#', () => {
    expect(handled.get('all')).toEqual(TYPES);
  });

  test('a list of patterns gets an event once, however many of them match', () => {
    const expected = TYPES.filter((type) => /^(user\.[^.]+|order(\..+)?)$/.test(type));
    expect(handled.get('list')).toEqual(expected);
  });
});

import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { uniquePrefix } from '../support/services.js';
import { openStage, type Stage } from './stage.js';

const PROJECTION = `${uniquePrefix()}.projection`;
const NARROWED = `${uniquePrefix()}.narrowed`;
const calls: string[] = [];

@Injectable()
class Projection {
  @OnEvent('order.placed', { queue: PROJECTION, retry: ['100ms'] })
  placed(_payload: unknown, { type, attempt }: EventContext): void {
    calls.push(`placed ${type} ${attempt}`);
    if (attempt === 1) throw new Error('once');
  }

  @OnEvent(['user.*', 'order.cancelled'], { queue: PROJECTION, retry: false })
  changed(_payload: unknown, { type, attempt }: EventContext): void {
    calls.push(`changed ${type} ${attempt}`);
    if (type === 'user.broken') throw new Error('broken');
  }

  @OnEvent('parcel.#', { queue: PROJECTION })
  shipped(_payload: unknown, { type, attempt }: EventContext): void {
    calls.push(`shipped ${type} ${attempt}`);
  }
}

@Injectable()
class Wide {
  @OnEvent('order.*', { queue: NARROWED })
  handle(): void {}
}

/** The same handler after its author has changed the pattern. */
@Injectable()
class Narrow {
  @OnEvent('order.placed', { queue: NARROWED })
  handle(_payload: unknown, { type }: EventContext): void {
    calls.push(`narrowed ${type}`);
  }
}

describe('a queue that handlers share', () => {
  let stage: Stage;

  beforeEach(async () => {
    calls.length = 0;
    stage = await openStage();
    await stage.start({ providers: [Projection] });
  });

  afterEach(() => stage.close());

  test('hands each event to the handler whose pattern it matches, and to no other', async () => {
    const types = ['user.created', 'parcel.shipped.late', 'order.cancelled', 'parcel', 'user.deleted'];
    for (const type of types) await stage.publish(type);
    await eventually(() => calls.length === types.length);
    expect(calls).toEqual([
      'changed user.created 1',
      'shipped parcel.shipped.late 1',
      'changed order.cancelled 1',
      'shipped parcel 1',
      'changed user.deleted 1',
    ]);
  });

  test('retries as the handler says that failed, which gets the event back', async () => {
    await stage.publish('user.broken');
    const letter = await stage.deadLetter(PROJECTION);
    expect(letter.properties.headers).toMatchObject({
      'outbox-attempt': 1,
      'outbox-routing-key': 'user.broken',
    });
    await stage.publish('order.placed');
    await eventually(() => calls.length === 3);
    expect(calls).toEqual(['changed user.broken 1', 'placed order.placed 1', 'placed order.placed 2']);
  });

  test('cannot tell whose a message is that was put on it without a routing key', async () => {
    await stage.send(PROJECTION, '{}');
    const letter = await stage.deadLetter(PROJECTION);
    expect(letter.properties.headers?.['outbox-error-message']).toContain(
      `no handler of queue ${PROJECTION} is for "${PROJECTION}"`,
    );
    expect(calls).toEqual([]);
  });

  test('has one consumer for all of them', async () => {
    expect((await stage.look(PROJECTION)).consumerCount).toBe(1);
  });
});

describe('a binding that is left over from a pattern that was changed', () => {
  test('brings events that no handler is for: they are dead letters, with an explanation', async () => {
    const stage = await openStage();
    calls.length = 0;
    const before = await stage.start({ providers: [Wide] });
    await before.close();
    await stage.start({ providers: [Narrow] });
    await stage.publish('order.cancelled', { n: 1 });
    await stage.publish('order.placed', { n: 2 });
    const letter = await stage.deadLetter(NARROWED);
    expect(JSON.parse(letter.content.toString())).toEqual({ n: 1 });
    expect(letter.properties.headers).toMatchObject({
      'outbox-error-type': 'Reject',
      'outbox-error-message':
        `no handler of queue ${NARROWED} is for "order.cancelled": its patterns are "order.placed". ` +
        'If the queue is still bound for it, remove that binding.',
      'outbox-routing-key': 'order.cancelled',
      'outbox-attempt': 1,
    });
    await eventually(() => calls.length > 0);
    expect(calls).toEqual(['narrowed order.placed']);
    await stage.close();
  });
});

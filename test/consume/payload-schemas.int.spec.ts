import { Injectable, ParseIntPipe, StandardSchemaValidationPipe, UsePipes } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BaseEvent, EventContext, OnEvent, OutboxEvent } from 'nestjs-rabbitmq-outbox';
import { z } from 'zod';
import { Scripted } from './fate.js';
import { Receiving } from './received.js';
import { openStage, type Stage } from './stage.js';

@OutboxEvent('shipped')
class Shipped extends BaseEvent {
  constructor(
    aggregateId: string,
    readonly truck: string,
  ) {
    super(aggregateId);
  }
}

@OutboxEvent('refunded', {
  schema: z.object({
    id: z.string(),
    cents: z.int().positive(),
    at: z.coerce.date(),
    note: z.string().default('-'),
  }),
})
class Refunded {
  constructor(
    readonly id: string,
    readonly cents: number,
    readonly at: Date,
    readonly note = '-',
  ) {}

  get euros(): number {
    return this.cents / 100;
  }
}

@OutboxEvent('credited')
class Credited {
  readonly cents = 0;

  get euros(): number {
    return this.cents / 100;
  }
}

const Price = z.object({ cents: z.string().transform(Number) });
const Slow = z.object({ id: z.string() }).refine(async ({ id }) => {
  await Promise.resolve();
  return id !== 'taken';
}, 'is taken');

const Once = { prefetch: 1, retry: ['1h'] } as const;

@Injectable()
class Office extends Scripted {
  @OnEvent(Shipped, Once)
  shipped(event: Shipped, context: EventContext): unknown {
    return this.act(context, event);
  }

  @OnEvent(Refunded, Once)
  refunded(event: Pick<Refunded, 'euros' | 'at'>, context: EventContext): unknown {
    return this.act(context, event);
  }

  @OnEvent('annotatedEvent', Once)
  annotatedEvent(event: Refunded, context: EventContext): unknown {
    return this.act(context, event);
  }

  @OnEvent(Credited, Once)
  credited(@Payload('euros') euros: number, @Ctx() context: EventContext): unknown {
    return this.act(context, euros);
  }

  @OnEvent('schema', { ...Once, schema: Price })
  schema(price: { cents: number }, context: EventContext): unknown {
    return this.act(context, price);
  }

  @OnEvent('schemaParts', { ...Once, schema: Price })
  schemaParts(@Payload('cents', ParseIntPipe) cents: number, @Ctx() context: EventContext): unknown {
    return this.act(context, cents);
  }

  @OnEvent('slow', { ...Once, schema: Slow })
  slow(order: { id: string }, context: EventContext): unknown {
    return this.act(context, order);
  }

  @OnEvent('standard', Once)
  @UsePipes(new StandardSchemaValidationPipe())
  standard(@Payload({ schema: Price }) price: { cents: number }, @Ctx() context: EventContext): unknown {
    return this.act(context, price);
  }

  @OnEvent('standardPart', Once)
  standardPart(
    @Payload('cents', { schema: z.coerce.number(), pipes: [new StandardSchemaValidationPipe()] })
    cents: number,
    @Ctx() context: EventContext,
  ): unknown {
    return this.act(context, cents);
  }
}

let stage: Stage;
let office: Receiving;

beforeAll(async () => {
  stage = await openStage();
  const { app } = await stage.start({ providers: [Office] });
  office = new Receiving(stage, app.get(Office), {
    refunded: { id: 'a', cents: 1, at: 0 },
    schema: { cents: '1' },
    schemaParts: { cents: '1' },
    slow: { id: 'free' },
    standard: { cents: '1' },
    standardPart: { cents: 1 },
  });
});

afterAll(() => stage?.close());

describe('a payload of an event class', () => {
  test('is an instance of it, dates of BaseEvent included', async () => {
    const sent = new Shipped('order-1', 'truck-9');
    const { given } = await office.handle('shipped', sent);
    expect(given).toBeInstanceOf(Shipped);
    expect(given).toEqual(sent);
  });

  test.each(['refunded', 'annotatedEvent'])('is what its schema makes of it: %s', async (handler) => {
    const sent = { id: 'a', cents: 250, at: '2030-01-02T03:04:05Z', more: true };
    const { given } = await office.handle(handler, sent);
    expect(given).toBeInstanceOf(Refunded);
    expect(given).toEqual(new Refunded('a', 250, new Date('2030-01-02T03:04:05Z')));
    expect((given as Refunded).euros).toBe(2.5);
  });

  test('is a dead letter at once when its schema refuses it', async () => {
    const { outcome, headers } = await office.handle('refunded', { id: 'a', cents: -1, at: 0 });
    expect(outcome).toBe('dead');
    expect(headers?.['outbox-error-message']).toMatch(/^The payload is not what Refunded asks for: cents: /);
  });

  test('is an instance for @Payload() too, which can take its parts', async () => {
    expect((await office.handle('credited', { cents: 50 })).given).toBe(0.5);
  });
});

describe('a payload whose handler has a schema', () => {
  test.each(['schema', 'standard'])('is what the schema makes of it: %s', async (handler) => {
    expect((await office.handle(handler, { cents: '12' })).given).toEqual({ cents: 12 });
  });

  test.each(['schemaParts', 'standardPart'])('is so where @Payload() takes a part: %s', async (handler) => {
    expect((await office.handle(handler, { cents: '12' })).given).toBe(12);
  });

  test.each([
    [
      'schema',
      { cents: 12 },
      'InvalidMessageError',
      /^The payload is not what its handler’s schema asks for: cents: /,
    ],
    ['schemaParts', { cents: 12 }, 'InvalidMessageError', /cents: /],
    ['slow', { id: 'taken' }, 'InvalidMessageError', /is taken\.$/],
    ['standard', { cents: 12 }, 'BadRequestException', /cents: /],
    ['standardPart', { cents: 'many' }, 'BadRequestException', /./],
  ])('is a dead letter at once when the schema refuses it: %s', async (handler, payload, type, message) => {
    const { outcome, given, headers } = await office.handle(handler, payload);
    expect(outcome).toBe('dead');
    expect(given).toBe('never called');
    expect(headers).toMatchObject({ 'outbox-error-type': type, 'outbox-attempt': 1 });
    expect(headers?.['outbox-error-message']).toMatch(message);
  });
});

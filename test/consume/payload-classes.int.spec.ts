import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Transform, Type } from 'class-transformer';
import { IsInt, IsString, Min, ValidateNested } from 'class-validator';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { Scripted } from './fate.js';
import { Receiving } from './received.js';
import { openStage, type Stage } from './stage.js';

class Address {
  city!: string;

  get label(): string {
    return `in ${this.city}`;
  }
}

class Order {
  id!: string;
  currency = 'EUR';

  @Type(() => Address)
  address?: Address;

  @Type(() => Date)
  at?: Date;

  get label(): string {
    return `order ${this.id}`;
  }
}

class Line {
  @IsInt()
  @Min(1)
  quantity!: number;
}

class CheckedOrder {
  @IsString()
  id!: string;

  @ValidateNested({ each: true })
  @Type(() => Line)
  lines: Line[] = [];
}

/** Its constructor cannot run without arguments. */
class Exacting {
  readonly id: string;
  readonly total: number;

  constructor(order: { id: string; prices: number[] }) {
    this.id = order.id;
    this.total = order.prices.reduce((sum, price) => sum + price, 0);
  }

  get label(): string {
    return `${this.total} for ${this.id}`;
  }
}

class Exploding {
  @Transform(({ value }) => {
    if (value === 'boom') throw new RangeError('no such word');
    return value as string;
  })
  word!: string;
}

const Once = { prefetch: 1, retry: ['1h'] } as const;

@Injectable()
class Office extends Scripted {
  @OnEvent('annotated', Once)
  annotated(order: Order, context: EventContext): unknown {
    return this.act(context, order);
  }

  @OnEvent('checked', Once)
  checked(order: CheckedOrder, context: EventContext): unknown {
    return this.act(context, order);
  }

  @OnEvent('exacting', Once)
  exacting(order: Exacting, context: EventContext): unknown {
    return this.act(context, order);
  }

  @OnEvent('exploding', Once)
  exploding(word: Exploding, context: EventContext): unknown {
    return this.act(context, word);
  }

  @OnEvent('decorated', Once)
  decorated(@Payload() order: CheckedOrder, @Ctx() context: EventContext): unknown {
    return this.act(context, order);
  }
}

let stage: Stage;
let office: Receiving;

beforeAll(async () => {
  stage = await openStage();
  const { app } = await stage.start({ providers: [Office] });
  office = new Receiving(stage, app.get(Office), {
    checked: { id: 'a', lines: [] },
    exploding: { word: 'hush' },
  });
});

afterAll(() => stage?.close());

describe('a payload whose parameter is annotated with a class', () => {
  test('is an instance of it, with its methods, its defaults, and nested classes by @Type()', async () => {
    const at = new Date(86_400_000);
    const { given } = await office.handle('annotated', { id: '7', address: { city: 'Rome' }, at });
    const order = given as Order;
    expect(order).toBeInstanceOf(Order);
    expect(order.label).toBe('order 7');
    expect(order.currency).toBe('EUR');
    expect(order.address?.label).toBe('in Rome');
    expect(order.at).toEqual(at);
  });

  test.each([
    ['null', null],
    ['text', 'text'],
    ['a number', 7],
    ['a list', [{ id: '7' }]],
  ])('and has no rules stays what it is if it is %s', async (_what, payload) => {
    expect((await office.handle('annotated', payload)).given).toEqual(payload);
  });

  test('is filled without its constructor if that needs arguments', async () => {
    const payload = { id: '7', total: 30, label: 'not yours', constructor: 'nor this' };
    const { given } = await office.handle('exacting', payload);
    expect(given).toBeInstanceOf(Exacting);
    expect((given as Exacting).label).toBe('30 for 7');
    expect((given as Exacting).constructor).toBe(Exacting);
  });

  test.each([
    ['annotated', Order],
    ['exacting', Exacting],
  ])('cannot choose another prototype: %s', async (handler, type) => {
    const body = '{"id":"7","__proto__":{"label":"taken over"}}';
    const given = (await office.receive(handler, body, 'application/json')) as Order;
    expect(given.label).toMatch(/7$/);
    expect(Object.getPrototypeOf(given)).toBe(type.prototype);
  });

  test('that cannot be made of it is a dead letter at once, with the reason', async () => {
    const { outcome, headers } = await office.handle('exploding', { word: 'boom' });
    expect(outcome).toBe('dead');
    expect(headers).toMatchObject({
      'outbox-error-type': 'InvalidMessageError',
      'outbox-error-message': 'The payload is not what Exploding asks for: no such word.',
    });
  });

  test('with class-validator rules that it keeps arrives', async () => {
    const { given } = await office.handle('checked', { id: 'a', lines: [{ quantity: 2 }] });
    expect(given).toBeInstanceOf(CheckedOrder);
    expect((given as CheckedOrder).lines[0]).toBeInstanceOf(Line);
  });

  test.each<[string, unknown, string]>([
    ['breaks one', { id: 7 }, 'id: id must be a string'],
    [
      'breaks nested ones',
      { id: 'a', lines: [{ quantity: 1 }, { quantity: 0 }] },
      'lines.1.quantity: quantity must not be less than 1',
    ],
    ['is null', null, 'it must be an object'],
    ['is a list', [], 'it must be an object'],
    ['is text', 'text', 'it must be an object'],
  ])('with class-validator rules is a dead letter at once if it %s', async (_what, payload, problem) => {
    const { outcome, given, headers } = await office.handle('checked', payload);
    expect(outcome).toBe('dead');
    expect(given).toBe('never called');
    expect(headers).toMatchObject({
      'outbox-error-type': 'InvalidMessageError',
      'outbox-error-message': `The payload is not what CheckedOrder asks for: ${problem}.`,
      'outbox-attempt': 1,
    });
  });

  test('tells of ten broken rules at most', async () => {
    const lines = Array.from({ length: 30 }, () => ({ quantity: 0 }));
    const { headers } = await office.handle('checked', { id: 'a', lines });
    expect(headers?.['outbox-error-message']).toMatch(/lines\.9\.quantity: .*; and 20 more\.$/);
    expect(headers?.['outbox-error-message']).not.toContain('lines.10');
  });

  test('but decorated with @Payload() is left to the pipes, as everywhere in Nest', async () => {
    const { outcome, given } = await office.handle('decorated', { id: 7 });
    expect(outcome).toBe('done');
    expect(given).toEqual({ id: 7 });
    expect(given).not.toBeInstanceOf(CheckedOrder);
  });
});

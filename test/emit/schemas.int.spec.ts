import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, test } from '@jest/globals';
import { type } from 'arktype';
import { BaseEvent, InvalidPayloadError, OutboxEvent } from 'nestjs-rabbitmq-outbox';
import * as v from 'valibot';
import { z } from 'zod';
import { useWritingApp } from './writing-app.js';

const { outbox, playground, payloads, inTransaction, refusalOf } = useWritingApp();

async function issuesOf(event: object): Promise<Array<[path: string, message: string]>> {
  const refusal = await refusalOf((manager) => outbox().emit(manager, event));
  expect(refusal).toBeInstanceOf(InvalidPayloadError);
  const { issues, message } = refusal as InvalidPayloadError;
  for (const issue of issues) expect(message).toContain(issue.message);
  return issues.map((issue) => [issue.path, issue.message]);
}

const emitted = async (event: object) => {
  await inTransaction((manager) => outbox().emit(manager, event));
  return (await payloads()).at(-1);
};

/** `{ price: 5, customer: { email } }`, with a note that has a default and an `at` that becomes text of another form. */
const schemas: ReadonlyArray<[library: string, schema: StandardSchemaV1]> = [
  [
    'zod',
    z.object({
      price: z.int().positive(),
      customer: z.object({ email: z.email() }),
      note: z.string().default('none'),
      at: z.date().transform((date) => date.getTime()),
    }),
  ],
  [
    'zod, asynchronously',
    z.object({
      price: z.int().refine((price) => Promise.resolve(price > 0), { error: 'must be above zero' }),
      customer: z.object({ email: z.email() }),
      note: z.string().default('none'),
      at: z.date().transform((date) => Promise.resolve(date.getTime())),
    }),
  ],
  [
    'valibot',
    v.object({
      price: v.pipe(v.number(), v.integer(), v.minValue(1)),
      customer: v.object({ email: v.pipe(v.string(), v.email()) }),
      note: v.optional(v.string(), 'none'),
      at: v.pipe(
        v.date(),
        v.transform((date) => date.getTime()),
      ),
    }),
  ],
  [
    'valibot, asynchronously',
    v.objectAsync({
      price: v.pipeAsync(
        v.number(),
        v.checkAsync((price) => Promise.resolve(price > 0), 'must be above zero'),
      ),
      customer: v.object({ email: v.pipe(v.string(), v.email()) }),
      note: v.optional(v.string(), 'none'),
      at: v.pipeAsync(
        v.date(),
        v.transformAsync((date) => Promise.resolve(date.getTime())),
      ),
    }),
  ],
  [
    'arktype',
    type({
      price: 'number.integer > 0',
      customer: { email: 'string.email' },
      note: "string = 'none'",
      at: type('Date').pipe((date) => date.getTime()),
    }),
  ],
];

describe.each(schemas)('a schema by %s', (_library, schema) => {
  @OutboxEvent<Priced>('order.priced', { schema, key: ({ price }) => `k${price}` })
  class Priced {
    constructor(
      readonly price: number,
      readonly customer: { email: string },
      readonly at: unknown = new Date(5),
    ) {}
  }

  test('lets pass what follows it; what it makes of the event is emitted', async () => {
    const payload = await emitted(new Priced(5, { email: 'a@b.cd' }));
    expect(payload).toEqual({ price: 5, customer: { email: 'a@b.cd' }, note: 'none', at: 5 });
    const [row] = await playground().sql(`SELECT type, key FROM ${playground().name}.outbox`);
    expect(row).toEqual({ type: 'order.priced', key: 'k5' });
  });

  test('refuses what breaks it, with every broken rule and its path', async () => {
    const issues = await issuesOf(new Priced(-5, { email: 'nobody' }));
    expect(issues.map(([path]) => path).sort()).toEqual(['customer.email', 'price']);
    expect(issues.every(([, message]) => message.length > 5)).toBe(true);
  });

  test('refuses every event of a list for one that breaks it', async () => {
    const good = new Priced(5, { email: 'a@b.cd' });
    const refusal = await refusalOf((manager) =>
      outbox().emitMany(manager, [good, new Priced(-1, { email: 'a@b.cd' }), good]),
    );
    expect(refusal).toMatchObject({ code: 'OUTBOX_INVALID_PAYLOAD', issues: [{ path: 'price' }] });
  });
});

describe('a schema', () => {
  const schema = (validate: StandardSchemaV1['~standard']['validate']): StandardSchemaV1 => ({
    '~standard': { version: 1, vendor: 'ours', validate },
  });

  test('names paths of every kind, and a rule for the whole event without one', async () => {
    @OutboxEvent('a.listed', {
      schema: schema(() => ({
        issues: [
          { message: 'too cheap', path: ['lines', 0, { key: 'price' }] },
          { message: 'unknown', path: [Symbol('s')] },
          { message: 'is empty' },
          { message: 'is empty, too', path: [] },
        ],
      })),
    })
    class Listed {}
    expect(await issuesOf(new Listed())).toEqual([
      ['lines.0.price', 'too cheap'],
      ['Symbol(s)', 'unknown'],
      ['', 'is empty'],
      ['', 'is empty, too'],
    ]);
  });

  test('is told of in one sentence', () => {
    const error = new InvalidPayloadError('a.b', [
      { path: 'price', message: 'too cheap' },
      { path: '', message: 'is empty' },
    ]);
    expect(error.message).toBe(
      'Cannot emit "a.b": its payload breaks the rules of its event class: price: too cheap; is empty.',
    );
  });

  test.each<[string, StandardSchemaV1['~standard']['validate']]>([
    [
      'throws',
      () => {
        throw new RangeError('no such country');
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('no such country'))],
  ])('that %s refuses the event with its own error', async (_, validate) => {
    @OutboxEvent('a.broken', { schema: schema(validate) })
    class Broken {}
    const refusal = await refusalOf((manager) => outbox().emit(manager, new Broken()));
    expect(refusal).toEqual(new RangeError('no such country'));
  });

  test('of a BaseEvent emits what it makes; id, key and the like still come from the event', async () => {
    @OutboxEvent('a.based', { schema: z.object({ price: z.int() }) })
    class Based extends BaseEvent {
      readonly price = 5;
    }
    const event = new Based('o1', { correlationId: 'c' });
    expect(await emitted(event)).toEqual({ price: 5 });
    const [row] = await playground().sql(`SELECT id, key, correlation_id FROM ${playground().name}.outbox`);
    expect(row).toEqual({ id: event.id, key: 'o1', correlation_id: 'c' });
  });

  test('that takes its time is waited for, in the order of the calls', async () => {
    const slow = schema(async (value) => {
      await new Promise((resolve) => setTimeout(resolve, (value as { wait: number }).wait));
      return { value };
    });
    @OutboxEvent('a.slow', { schema: slow })
    class Slow {
      constructor(readonly wait: number) {}
    }
    await inTransaction(async (manager) => {
      await outbox().emit(manager, new Slow(30));
      await outbox().emitMany(manager, [new Slow(20), new Slow(1)]);
    });
    expect(await payloads()).toEqual([{ wait: 30 }, { wait: 20 }, { wait: 1 }]);
  });
});

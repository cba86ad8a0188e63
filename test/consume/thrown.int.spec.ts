import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { fateOf, Scripted, type Fate } from './fate.js';
import { openStage, type Stage } from './stage.js';

@Injectable()
class Worker extends Scripted {
  @OnEvent('thrown.#', { prefetch: 1, retry: ['1h'] })
  handle(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }
}

const selfCaused = new Error('I did it');
selfCaused.cause = selfCaused;

const circular: Record<string, unknown> = { kind: 'circle' };
circular['self'] = circular;

class Complaint {
  constructor(readonly about: string) {}
}

const refuse = {
  get: (): never => {
    throw new Error('do not look at me');
  },
};
const hostile: unknown = Object.create(Error.prototype, {
  name: refuse,
  message: refuse,
  stack: refuse,
  getStatus: refuse,
});

const unspeakable: unknown = new Proxy(
  {},
  { get: refuse.get, getPrototypeOf: refuse.get, has: refuse.get, ownKeys: refuse.get },
);

/** What is thrown, and what the dead letter says of it. */
const THROWN: Array<[string, unknown, { type: string; message: unknown }]> = [
  ['a string', 'out of paper', { type: 'string', message: 'out of paper' }],
  ['an empty string', '', { type: 'string', message: '' }],
  ['undefined', undefined, { type: 'undefined', message: 'undefined' }],
  ['null', null, { type: 'null', message: 'null' }],
  ['a number', 42, { type: 'number', message: '42' }],
  ['a BigInt', 42n, { type: 'bigint', message: '42' }],
  ['a symbol', Symbol('why'), { type: 'symbol', message: 'Symbol(why)' }],
  ['a function', () => 'why', { type: 'function', message: expect.any(String) }],
  ['a plain object', { code: 'E42' }, { type: 'Object', message: '{"code":"E42"}' }],
  ['a frozen object', Object.freeze({ code: 'E42' }), { type: 'Object', message: '{"code":"E42"}' }],
  ['an object of a class', new Complaint('noise'), { type: 'Complaint', message: '{"about":"noise"}' }],
  ['an object without a prototype', Object.create(null), { type: 'object', message: '{}' }],
  ['a circular object', circular, { type: 'Object', message: '[object Object]' }],
  ['a frozen Error', Object.freeze(new Error('frozen')), { type: 'Error', message: 'frozen' }],
  ['an Error that is its own cause', selfCaused, { type: 'Error', message: 'I did it' }],
  [
    'an Error whose name and message are no strings',
    Object.assign(new Error(), { name: 7, message: { en: 'no' } }),
    { type: '7', message: '[object Object]' },
  ],
  [
    'an Error without a stack',
    Object.assign(new Error('where?'), { stack: undefined }),
    { type: 'Error', message: 'where?' },
  ],
  ['an Error that throws when it is looked at', hostile, { type: 'object', message: expect.any(String) }],
  ['a Proxy that throws at everything', unspeakable, { type: 'object', message: expect.any(String) }],
  ['lone surrogates', 'half \ud83d of it', { type: 'string', message: expect.stringContaining('half') }],
];

describe('whatever a handler throws', () => {
  let stage: Stage;
  let worker: Worker;

  beforeAll(async () => {
    stage = await openStage();
    worker = (await stage.start({ providers: [Worker] })).app.get(Worker);
  });

  afterAll(() => stage?.close());

  const fate = (error: unknown, attempt: number): Promise<Fate> =>
    fateOf(stage, worker, {
      type: 'thrown.thing',
      handler: 'Worker.handle',
      attempt,
      behaviour: () => {
        throw error;
      },
    });

  test.each(THROWN)(
    '%s: the event is retried, then a dead letter that tells of it',
    async (_what, error, told) => {
      expect((await fate(error, 1)).outcome).toBe('retry 1h');
      const { outcome, copy } = await fate(error, 2);
      expect(outcome).toBe('dead');
      expect(copy?.properties.headers).toMatchObject({
        'outbox-error-type': told.type,
        'outbox-error-message': told.message,
      });
    },
  );

  test('a huge message and a huge name are cut, not the event', async () => {
    const error = Object.assign(new Error('é'.repeat(1_000_000)), { name: 'N'.repeat(100_000) });
    const headers = (await fate(error, 2)).copy?.properties.headers ?? {};
    const bytes = (name: string) => Buffer.byteLength(String(headers[name]));
    expect(bytes('outbox-error-type')).toBeLessThanOrEqual(255);
    expect(bytes('outbox-error-message')).toBeLessThanOrEqual(2_048);
    expect(bytes('outbox-error-stack')).toBeLessThanOrEqual(4_096);
    expect(headers['outbox-error-message']).toMatch(/^é+…$/);
  });
});

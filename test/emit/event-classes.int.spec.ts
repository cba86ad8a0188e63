import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  BaseEvent,
  InvalidEventOptionError,
  InvalidEventTypeError,
  InvalidHandlerError,
  OnEvent,
  OutboxEvent,
  type EventContext,
} from 'nestjs-rabbitmq-outbox';
import type { ConsumeMessage } from 'amqplib';
import type { EntityManager } from 'typeorm';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, type TestApp } from '../support/outbox-app.js';

@OutboxEvent<UserCreated>('user.created', {
  version: 3,
  key: (event) => event.userId,
  source: '/accounts',
})
class UserCreated {
  constructor(
    readonly userId: string,
    readonly email?: string,
  ) {}
}

/** Says nothing of its own. */
class AdminCreated extends UserCreated {}

/** Says everything anew. */
@OutboxEvent('user.invited')
class UserInvited extends UserCreated {}

@OutboxEvent('document.scanned', { codec: 'msgpack', requireRoute: true })
class DocumentScanned {
  constructor(
    readonly pages: Buffer,
    readonly at: Date,
  ) {}
}

@OutboxEvent('order.placed')
class OrderPlaced extends BaseEvent {
  constructor(
    orderId: string,
    readonly price: number,
    metadata?: ConstructorParameters<typeof BaseEvent>[1],
  ) {
    super(orderId, metadata);
  }
}

@OutboxEvent<OrderShipped>('order.shipped', { key: ({ truck }) => truck })
class OrderShipped extends BaseEvent {
  constructor(
    orderId: string,
    readonly truck: string | undefined,
  ) {
    super(orderId);
  }
}

function missing(): never {
  throw new RangeError('no id yet');
}

class Undecorated {
  readonly id = 1;
}

interface Arrival {
  payload: unknown;
  context: EventContext<ConsumeMessage>;
}

@Injectable()
class Listener {
  readonly arrivals: Arrival[] = [];

  @OnEvent(UserCreated)
  created(payload: UserCreated, context: EventContext<ConsumeMessage>) {
    this.arrivals.push({ payload, context });
  }

  @OnEvent(DocumentScanned)
  scanned(payload: DocumentScanned, context: EventContext<ConsumeMessage>) {
    this.arrivals.push({ payload, context });
  }
}

let stage: Stage;
let app: TestApp;
let listener: Listener;

beforeAll(async () => {
  stage = await openStage();
  app = await stage.start({
    providers: [Listener],
    options: { relay: { enabled: true, pollInterval: 200 } },
  });
  listener = app.app.get(Listener);
});
afterAll(() => stage?.close());
beforeEach(async () => {
  listener.arrivals.length = 0;
  await stage.playground.sql(`DELETE FROM ${stage.playground.name}.outbox`);
});

interface Row {
  id: string;
  type: string;
  key: string | null;
  headers: string | null;
  content_type: string;
  correlation_id: string | null;
  require_route: boolean | null;
  payload: Buffer;
}

const rows = () => stage.playground.sql<Row>(`SELECT * FROM ${stage.playground.name}.outbox ORDER BY seq`);
const inTransaction = <T>(work: (manager: EntityManager) => Promise<T>) => app.dataSource.transaction(work);
const row = async (work: (manager: EntityManager) => Promise<unknown>): Promise<Row> => {
  await inTransaction(work);
  const [only, ...others] = await rows();
  expect(others).toEqual([]);
  return only as Row;
};
const json = ({ payload }: Row) => JSON.parse(payload.toString()) as unknown;

describe('an event class', () => {
  test('says type, version, key and source of every event of it', async () => {
    const event = new UserCreated('u1', 'a@b.c');
    const written = await row((manager) => app.outbox.emit(manager, event));
    expect(written).toMatchObject({ type: 'user.created', key: 'u1', content_type: 'application/json' });
    expect(JSON.parse(written.headers ?? '')).toEqual({ 'outbox-version': 3, 'outbox-source': '/accounts' });
    expect(json(written)).toEqual({ userId: 'u1', email: 'a@b.c' });
  });

  test('is joined to the surrounding transaction like any event', async () => {
    const written = await row(() =>
      app.outbox.transaction(() => app.outbox.emit(new UserCreated('u1'), { headers: { tenant: 'acme' } })),
    );
    expect(JSON.parse(written.headers ?? '')).toMatchObject({ tenant: 'acme', 'outbox-version': 3 });
  });

  test('hands down what it says to classes that extend it, unless they say it anew', async () => {
    await inTransaction((manager) =>
      app.outbox.emitMany(manager, [new AdminCreated('u1'), new UserInvited('u2')]),
    );
    const [admin, invited] = await rows();
    expect(admin).toMatchObject({ type: 'user.created', key: 'u1' });
    expect(invited).toMatchObject({ type: 'user.invited', key: null, headers: null });
  });

  test('yields to what one call says otherwise', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const options = { id, key: 'other', codec: 'json', correlationId: 'c', headers: { a: 1 } } as const;
    const written = await row((manager) =>
      app.outbox.emit(manager, new DocumentScanned(Buffer.from('x'), new Date(0)), options),
    );
    expect(written).toMatchObject({
      id,
      key: 'other',
      content_type: 'application/json',
      correlation_id: 'c',
    });
  });

  test('says whether its events have to find a queue, unless a call says otherwise', async () => {
    const scanned = new DocumentScanned(Buffer.from('x'), new Date(0));
    await inTransaction(async (manager) => {
      await app.outbox.emit(manager, scanned);
      await app.outbox.emit(manager, scanned, { requireRoute: false });
      await app.outbox.emit(manager, new UserCreated('u1'));
    });
    expect((await rows()).map((written) => written.require_route)).toEqual([true, false, null]);
  });

  test('keeps what it says where a call leaves an option undefined', async () => {
    const written = await row((manager) =>
      app.outbox.emit(manager, new UserCreated('u1'), { key: undefined, id: undefined, headers: undefined }),
    );
    expect(written.key).toBe('u1');
  });

  test('may give no key', async () => {
    const written = await row((manager) => app.outbox.emit(manager, new UserCreated(undefined as never)));
    expect(written.key).toBeNull();
  });

  test('whose key throws, or is none, refuses the event and leaves the transaction usable', async () => {
    @OutboxEvent<Keyed>('a.keyed', { key: ({ nested }) => (nested ? (nested.id as string) : missing()) })
    class Keyed {
      constructor(readonly nested?: { id: unknown }) {}
    }
    const written = await row(async (manager) => {
      await expect(app.outbox.emit(manager, new Keyed())).rejects.toThrow('no id yet');
      await expect(app.outbox.emit(manager, new Keyed({ id: 7 }))).rejects.toThrow(InvalidEventOptionError);
      await app.outbox.emit(manager, new Keyed({ id: 'seven' }));
    });
    expect(written.key).toBe('seven');
  });

  test('with a type that is no routing key is refused when it is emitted', async () => {
    @OutboxEvent('user created')
    class Wrong {}
    const emitting = inTransaction((manager) => app.outbox.emit(manager, new Wrong()));
    await expect(emitting).rejects.toThrow(InvalidEventTypeError);
  });

  test('brings its handler the payload, and version and source in the headers of the message', async () => {
    await inTransaction((manager) => app.outbox.emit(manager, new UserCreated('u1', 'a@b.c')));
    const { payload, context } = (await eventually(() => listener.arrivals[0])) as Arrival;
    expect(payload).toEqual({ userId: 'u1', email: 'a@b.c' });
    expect(context).toMatchObject({ type: 'user.created', key: 'u1', headers: {} });
    expect(context.message.properties.headers).toEqual({
      'outbox-key': 'u1',
      'outbox-version': 3,
      'outbox-source': '/accounts',
    });
  });

  test('brings its handler the payload by the codec it names', async () => {
    const event = new DocumentScanned(Buffer.from([0, 255]), new Date(1_000));
    await inTransaction((manager) => app.outbox.emit(manager, event));
    const { payload, context } = (await eventually(() => listener.arrivals[0])) as Arrival;
    expect(context.message.properties.contentType).toBe('application/msgpack');
    expect(payload).toEqual({ pages: Buffer.from([0, 255]), at: new Date(1_000) });
  });
});

describe('a class without @OutboxEvent()', () => {
  const message =
    '"Undecorated" is not a legal event type: Undecorated is not an event class: ' +
    "give it @OutboxEvent('some.type'), or emit a type and a payload.";

  test.each<[string, (manager: EntityManager) => Promise<unknown>]>([
    ['emit(tx, event)', (manager) => app.outbox.emit(manager, new Undecorated())],
    ['emit(tx, event, options)', (manager) => app.outbox.emit(manager, new Undecorated(), { key: 'k' })],
    ['emit(event)', () => app.outbox.emit(new Undecorated())],
    ['emit(event, options)', () => app.outbox.emit(new Undecorated(), { key: 'k' })],
    ['emitMany(tx, events)', (manager) => app.outbox.emitMany(manager, [new Undecorated()])],
    ['emit() outside of a transaction', () => app.outbox.emit(app.dataSource.manager, new Undecorated())],
  ])('is refused by %s, which says what to do', async (_, emitting) => {
    const refusal: unknown = await inTransaction(emitting).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InvalidEventTypeError);
    expect((refusal as Error).message).toContain(message);
    expect(await rows()).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['a plain object', { a: 1 }, 'Object'],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), 'Object'],
    ['a Date', new Date(0), 'Date'],
    ['a list', [1], 'Array'],
  ])('goes for %s, too', async (_, event, name) => {
    // Each is called in its turn: a rejection that nobody has looked at yet fails the test.
    for (const emitting of [
      (manager: EntityManager) => app.outbox.emit(manager, event),
      () => app.outbox.transaction(() => app.outbox.emit(event)),
    ]) {
      await expect(inTransaction(emitting)).rejects.toThrow(`${name} is not an event class`);
    }
  });

  test('fails the start of a handler that names it', () => {
    const decorate = () => {
      class Worker {
        @OnEvent(Undecorated)
        work(): void {}
      }
      return Worker;
    };
    expect(decorate).toThrow(InvalidHandlerError);
    expect(decorate).toThrow(
      '@OnEvent() on Worker.work: Undecorated is not an event class: it has no @OutboxEvent().',
    );
  });
});

describe('BaseEvent', () => {
  test('gives the event its id, the aggregate for its key, and what it was caused by', async () => {
    const event = new OrderPlaced('o1', 5, { aggregateVersion: 7, correlationId: 'c', causationId: 'd' });
    const id = await inTransaction((manager) => app.outbox.emit(manager, event));
    const [written] = (await rows()) as [Row];
    expect(id).toBe(event.id);
    expect(written).toMatchObject({ id, type: 'order.placed', key: 'o1', correlation_id: 'c' });
    expect(JSON.parse(written.headers ?? '')).toEqual({ 'outbox-causation-id': 'd' });
    expect(json(written)).toEqual({
      id,
      aggregateId: 'o1',
      price: 5,
      aggregateVersion: 7,
      correlationId: 'c',
      causationId: 'd',
      occurredAt: event.occurredAt.toISOString(),
    });
  });

  test('says when it was made, by the clock of the process, and nothing that was not given', async () => {
    const before = Date.now();
    const event = new OrderPlaced('o1', 5);
    expect(event.occurredAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(event.occurredAt.getTime()).toBeLessThanOrEqual(Date.now());
    const written = await row((manager) => app.outbox.emit(manager, event));
    expect(Object.keys(json(written) as object).sort()).toEqual(['aggregateId', 'id', 'occurredAt', 'price']);
    expect(written.headers).toBeNull();
  });

  test('writes one row for one event, however often it is emitted', async () => {
    const event = new OrderPlaced('o1', 5);
    await inTransaction((manager) => app.outbox.emitMany(manager, [event, event]));
    await inTransaction((manager) => app.outbox.emit(manager, event));
    expect(await rows()).toHaveLength(1);
    await inTransaction((manager) => app.outbox.emit(manager, event, { id: new OrderPlaced('o1', 5).id }));
    expect(await rows()).toHaveLength(2);
  });

  test('yields to the key its class declares, if that gives one', async () => {
    await inTransaction((manager) =>
      app.outbox.emitMany(manager, [new OrderShipped('o1', 'truck-1'), new OrderShipped('o2', undefined)]),
    );
    expect((await rows()).map(({ key }) => key)).toEqual(['truck-1', 'o2']);
  });

  test('says more of where it comes from than the chain it is emitted in', async () => {
    const event = new OrderPlaced('o1', 5, { correlationId: 'own' });
    await app.outbox.tracking('chain', () =>
      inTransaction((manager) => app.outbox.emitMany(manager, [event, new OrderPlaced('o2', 5)])),
    );
    expect((await rows()).map((written) => written.correlation_id)).toEqual(['own', 'chain']);
  });
});

import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { OnEvent, OutboxService, Retry, type EmitOptions, type EventContext } from 'nestjs-rabbitmq-outbox';
import { DataSource } from 'typeorm';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, type TestApp } from '../support/outbox-app.js';

/** Emits in a transaction of its own, as business code does that knows nothing of chains. */
@Injectable()
class Writer {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(OutboxService) private readonly outbox: OutboxService,
  ) {}

  write(type: string, payload: unknown = {}, options: EmitOptions = {}): Promise<string> {
    return this.dataSource.transaction((manager) => this.outbox.emit(manager, type, payload, options));
  }

  async later(type: string): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    await this.write(type);
  }
}

@Injectable()
class Billing {
  constructor(@Inject(Writer) private readonly writer: Writer) {}

  @OnEvent('order.placed')
  async invoice(): Promise<void> {
    await this.writer.later('invoice.sent');
  }
}

@Injectable()
class Mailing {
  constructor(@Inject(Writer) private readonly writer: Writer) {}

  @OnEvent('invoice.sent')
  async mail(): Promise<void> {
    await this.writer.write('mail.sent');
  }
}

@Injectable()
class Shop {
  readonly arrivals: EventContext[] = [];

  constructor(@Inject(Writer) private readonly writer: Writer) {}

  @OnEvent('mail.sent')
  arrived(_payload: unknown, context: EventContext): void {
    this.arrivals.push(context);
  }

  @OnEvent('fan.out')
  async fanOut(): Promise<void> {
    const { writer } = this;
    await Promise.all([
      writer.write('fanned.at.once'),
      writer.later('fanned.later'),
      new Promise((resolve, reject) =>
        setTimeout(() => void writer.write('fanned.by.timer').then(resolve, reject), 5),
      ),
      (async function* () {
        yield await writer.write('fanned.by.generator');
      })().next(),
    ]);
  }

  @OnEvent('try.again', { retry: ['100ms'] })
  async tryAgain(_payload: unknown, { attempt }: EventContext): Promise<void> {
    await this.writer.write(`tried.${attempt}`);
    if (attempt === 1) throw new Error('not yet');
    if (attempt === 2) throw new Retry('once more', { delay: '100ms' });
  }

  @OnEvent('own.chain')
  async ownChain(): Promise<void> {
    await this.writer.write('said.otherwise', {}, { correlationId: 'mine', causationId: 'my-command' });
    await this.writer.write('said.half', {}, { correlationId: 'mine' });
  }

  @OnEvent('crowd', { prefetch: 20 })
  async crowd({ answer }: { answer: string }): Promise<void> {
    await this.writer.later(`${answer}.a`);
    await Promise.all([this.writer.later(`${answer}.b`), this.writer.later(`${answer}.c`)]);
  }
}

interface Written {
  id: string;
  type: string;
  correlation_id: string | null;
  headers: string | null;
}

let stage: Stage;
let shop: TestApp;
let writer: Writer;

beforeAll(async () => {
  stage = await openStage();
  const { name } = stage.playground;
  const relay = { enabled: true, pollInterval: 200 };
  const start = (service: string, provider: typeof Billing | typeof Mailing | typeof Shop) =>
    stage.start({ providers: [Writer, provider], options: { service: `${name}.${service}`, relay } });
  [, , shop] = await Promise.all([start('billing', Billing), start('mailing', Mailing), start('shop', Shop)]);
  writer = shop.app.get(Writer);
});
afterAll(() => stage?.close());
beforeEach(() => void (shop.app.get(Shop).arrivals.length = 0));

const rowsOf = (like: string) =>
  stage.playground.sql<Written>(
    `SELECT id, type, correlation_id, headers FROM ${stage.playground.name}.outbox WHERE type LIKE $1 ORDER BY type`,
    [like],
  );
const rows = (like: string, count: number) =>
  eventually(async () => {
    const found = await rowsOf(like);
    return found.length === count && found;
  });
const chainOf = ({ correlation_id, headers }: Written) => {
  const parsed = JSON.parse(headers ?? '{}') as Record<string, string>;
  return {
    correlationId: correlation_id,
    causationId: parsed['outbox-causation-id'],
    trackingIds: parsed['outbox-tracking']?.split(','),
  };
};

describe('outbox.tracking()', () => {
  test('ties together what three services do, from the request on', async () => {
    const request = randomUUID();
    const placed = await shop.outbox.tracking(request, () => writer.write('order.placed'));
    const context = (await eventually(() => shop.app.get(Shop).arrivals[0])) as EventContext;
    const [invoice] = await rows('invoice.sent', 1);
    expect(context).toMatchObject({
      type: 'mail.sent',
      correlationId: request,
      causationId: invoice?.id,
      trackingIds: [request, placed, invoice?.id],
    });
  });

  test('returns what the work returns, or throws what it throws', async () => {
    expect(shop.outbox.tracking('a', () => 5)).toBe(5);
    await expect(shop.outbox.tracking('a', () => Promise.resolve('later'))).resolves.toBe('later');
    const broken = () => {
      throw new RangeError('no');
    };
    expect(() => shop.outbox.tracking('a', broken)).toThrow('no');
  });

  test('of requests at the same time keeps them apart', async () => {
    const requests = Array.from({ length: 20 }, (_, index) => `request-${index}`);
    await Promise.all(
      requests.map((request, index) =>
        shop.outbox.tracking(request, () => writer.later(`kept.apart.${index}`)),
      ),
    );
    const found = await rowsOf('kept.apart.%');
    expect(new Map(found.map(({ type, correlation_id }) => [type, correlation_id]))).toEqual(
      new Map(requests.map((request, index) => [`kept.apart.${index}`, request])),
    );
  });

  test('within another begins anew, and the outer goes on after it', async () => {
    await shop.outbox.tracking('outer', async () => {
      await shop.outbox.tracking('inner', () => writer.write('nested.a'));
      await writer.write('nested.b');
    });
    await writer.write('nested.c');
    const found = await rowsOf('nested.%');
    expect(found.map(chainOf)).toEqual([
      { correlationId: 'inner', causationId: undefined, trackingIds: ['inner'] },
      { correlationId: 'outer', causationId: undefined, trackingIds: ['outer'] },
      { correlationId: null, causationId: undefined, trackingIds: undefined },
    ]);
  });

  test('takes any id that a message can carry, a list of them too, and refuses others at emit()', async () => {
    await shop.outbox.tracking('one, two; 100%', () => writer.write('order.placed'));
    const context = (await eventually(() => shop.app.get(Shop).arrivals[0])) as EventContext;
    expect(context.correlationId).toBe('one, two; 100%');
    expect(context.trackingIds[0]).toBe('one, two; 100%');
    for (const id of ['', 'x'.repeat(256), 'a\0b']) {
      const emitting = shop.outbox.tracking(id, () => writer.write('refused'));
      await expect(emitting).rejects.toThrow('option correlationId must be a string of 1 to 255 bytes');
    }
  });
});

describe('an event emitted by a handler', () => {
  test('is caused by the event that is handled, wherever in the handler it is emitted', async () => {
    const id = await writer.write('fan.out', {}, { correlationId: 'c' });
    const found = await rows('fanned.%', 4);
    for (const row of found)
      expect(chainOf(row)).toEqual({ correlationId: 'c', causationId: id, trackingIds: [id] });
  });

  test('is so at every attempt', async () => {
    const id = await shop.outbox.tracking('request', () => writer.write('try.again'));
    const found = await rows('tried.%', 3);
    expect(found.map(({ type }) => type)).toEqual(['tried.1', 'tried.2', 'tried.3']);
    for (const row of found) {
      expect(chainOf(row)).toEqual({
        correlationId: 'request',
        causationId: id,
        trackingIds: ['request', id],
      });
    }
  });

  test('belongs to a chain without an id of its own when the first had none', async () => {
    const id = await writer.write('fan.out');
    const [row] = await eventually(async () => {
      const found = (await rowsOf('fanned.at.once')).filter((written) => chainOf(written).causationId === id);
      return found.length > 0 && found;
    });
    expect(chainOf(row as Written)).toEqual({ correlationId: null, causationId: id, trackingIds: [id] });
  });

  test('says otherwise when told so, option by option', async () => {
    const id = await writer.write('own.chain', {}, { correlationId: 'theirs' });
    const [half, otherwise] = await rows('said.%', 2);
    expect(chainOf(otherwise as Written)).toEqual({
      correlationId: 'mine',
      causationId: 'my-command',
      trackingIds: [id],
    });
    expect(chainOf(half as Written)).toEqual({ correlationId: 'mine', causationId: id, trackingIds: [id] });
  });

  test('is never caused by another event that is handled at the same time', async () => {
    const answers = Array.from({ length: 40 }, (_, index) => `answer.${index}`);
    const ids = await Promise.all(
      answers.map((answer) => writer.write('crowd', { answer }, { correlationId: answer })),
    );
    const found = await rows('answer.%', 120);
    const expected = answers.flatMap((answer, index) =>
      ['a', 'b', 'c'].map((part) => [`${answer}.${part}`, [answer, ids[index]]] as const),
    );
    const caused = found.map(
      (row) => [row.type, [chainOf(row).correlationId, chainOf(row).causationId]] as const,
    );
    expect(new Map(caused)).toEqual(new Map(expected));
  });

  test('carries a chain of a hundred ids at most, the newest of them', async () => {
    const chain = Array.from({ length: 100 }, () => randomUUID());
    const id = await stage.publish('fan.out', {}, { headers: { 'outbox-tracking': chain.join(',') } });
    const row = await eventually(async () =>
      (await rowsOf('fanned.at.once')).find((written) => chainOf(written).causationId === id),
    );
    expect(chainOf(row).trackingIds).toEqual([...chain.slice(1), id]);
  });
});

test('headers that do not fit beside the chain are refused at emit(), not by the broker', async () => {
  const large = { large: 'x'.repeat(48_000) };
  await writer.write('fits', {}, { headers: large });
  const emitting = shop.outbox.tracking('r'.repeat(255), () =>
    writer.write('does.not.fit', {}, { headers: { ...large, more: 'x'.repeat(900) } }),
  );
  await expect(emitting).rejects.toThrow(/option headers must stay below 49152 bytes, got 49\d\d\d/);
});

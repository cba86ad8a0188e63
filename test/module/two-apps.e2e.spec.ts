import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';

@Injectable()
class Witness {
  readonly seen: Array<{ payload: unknown; type: string }> = [];

  @OnEvent('order.#')
  see(@Payload() payload: unknown, @Ctx() { type }: EventContext): void {
    this.seen.push({ payload, type });
  }
}

describe('two applications in one process', () => {
  const playgrounds: Playground[] = [];
  const apps: TestApp[] = [];

  beforeAll(async () => {
    for (let count = 0; count < 2; count++) {
      const playground = await createPlayground();
      for (const suffix of ['', '.dlq'])
        playground.remember('queue', `${playground.name}.Witness.see${suffix}`);
      playgrounds.push(playground);
    }
    for (const playground of playgrounds) {
      const options = { consumers: { retry: false } as const };
      apps.push(await startApp(playground, { providers: [Witness], options }));
    }
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await Promise.all(playgrounds.map((playground) => playground.close()));
  });

  const [one, other] = [0, 1].map((index) => ({
    get app() {
      return apps[index] as TestApp;
    },
    get witness() {
      return this.app.app.get(Witness);
    },
    states: async () =>
      (await apps[index]!.dataSource.getRepository(OutboxEventEntity).find()).map(({ state }) => state),
  })) as [Fellow, Fellow];

  test('each handles its own events and none of the other’s', async () => {
    await one.app.emit('order.placed', 'of one');
    await other.app.emit('order.paid', 'of the other');
    await eventually(() => one.witness.seen.length > 0 && other.witness.seen.length > 0);
    expect(one.witness.seen).toEqual([{ payload: 'of one', type: 'order.placed' }]);
    expect(other.witness.seen).toEqual([{ payload: 'of the other', type: 'order.paid' }]);
  });

  test('each relays its own rows: one at rest leaves them where they are while the other works', async () => {
    one.app.relay.pause();
    await one.app.emit('order.waiting');
    await other.app.emit('order.going');
    await eventually(() => other.witness.seen.some(({ type }) => type === 'order.going'));
    expect(await one.states()).toContain('pending');
    expect(one.witness.seen.some(({ type }) => type === 'order.waiting')).toBe(false);
    one.app.relay.resume();
    await eventually(() => one.witness.seen.some(({ type }) => type === 'order.waiting'));
  });

  test('one that closes leaves the other working', async () => {
    await one.app.close();
    await other.app.emit('order.after');
    await eventually(() => other.witness.seen.some(({ type }) => type === 'order.after'));
    expect(await other.states()).not.toContain('pending');
  });
});

interface Fellow {
  readonly app: TestApp;
  readonly witness: Witness;
  states(): Promise<string[]>;
}

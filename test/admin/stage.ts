import { Injectable } from '@nestjs/common';
import type { EventContext } from 'nestjs-rabbitmq-outbox';
import { DeadLetters, OnEvent, type DeadLetter, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';

/** Handlers that fail as long as they are told to. */
@Injectable()
export class Desk {
  broken = true;
  readonly handled: Array<{ handler: string; context: EventContext }> = [];

  @OnEvent('invoice.#', { retry: [1] })
  invoice(_payload: unknown, context: EventContext): void {
    this.handle('invoice', context);
  }

  @OnEvent(['invoice.sent', 'letter.*'], { retry: false })
  archive(_payload: unknown, context: EventContext): void {
    this.handle('archive', context);
  }

  idsOf(handler: string): string[] {
    return this.handled.filter((one) => one.handler === handler).map(({ context }) => context.id);
  }

  private handle(handler: string, context: EventContext): void {
    if (this.broken) throw new Error(`${handler} is broken`);
    this.handled.push({ handler, context });
  }
}

export interface Stage {
  readonly playground: Playground;
  readonly app: TestApp;
  readonly desk: Desk;
  readonly letters: DeadLetters;
  queue(method: 'invoice' | 'archive'): string;
  /** An exchange that is not there; events that name it die. */
  readonly nowhere: string;
  /** Brings that exchange about. */
  mend(): Promise<void>;
  /** Emits events that die at publishing. Resolves to their ids once they have. */
  die(count: number, options?: (index: number) => { type?: string; key?: string }): Promise<string[]>;
  /** Emits events that die at every handler they are for. Resolves to their ids once they have. */
  fail(count: number, type?: (index: number) => string): Promise<string[]>;
  states(ids: readonly string[]): Promise<string[]>;
  all(filter?: Parameters<DeadLetters['list']>[0]): Promise<DeadLetter[]>;
  close(): Promise<void>;
}

export async function openStage(options: Partial<OutboxOptions> = {}): Promise<Stage> {
  const playground = await createPlayground();
  const { name } = playground;
  const queue = (method: string) => `${name}.Desk.${method}`;
  for (const method of ['invoice', 'archive'])
    for (const each of [queue(method), `${queue(method)}.dlq`]) playground.remember('queue', each);
  for (const each of [`${name}.retry.1ms`, `${name}.retry.1s`, `${name}.unclaimed`]) {
    playground.remember('queue', each);
    playground.remember('exchange', each);
  }
  playground.remember('exchange', `${name}.return`);
  playground.remember('exchange', `${name}.nowhere`);
  const nowhere = `${name}.nowhere`;
  const app = await startApp(playground, {
    providers: [Desk],
    options: { relay: { pollInterval: 100, retry: { attempts: 1 } }, ...options },
  });
  const letters = app.app.get(DeadLetters);
  const resting = async (where: string) => (await letters.counts({ where }))[0]?.count ?? 0;
  const states = async (ids: readonly string[]) => {
    const rows = await playground.sql<{ state: string }>(
      `SELECT state FROM ${name}.outbox WHERE id = ANY ($1::uuid[]) ORDER BY seq`,
      [ids],
    );
    return rows.map(({ state }) => state);
  };
  return {
    playground,
    app,
    desk: app.app.get(Desk),
    letters,
    queue,
    nowhere,
    states,
    mend: async () => {
      const channel = await playground.channel();
      await channel.assertExchange(nowhere, 'topic', { durable: true });
      await channel.close();
    },
    die: async (count, each = () => ({})) => {
      const ids: string[] = [];
      for (let index = 0; index < count; index++) {
        const { type = 'order.placed', key } = each(index);
        ids.push(
          await app.emit(type, { number: index }, { exchange: nowhere, ...(key !== undefined && { key }) }),
        );
      }
      await eventually(async () => (await states(ids)).every((state) => state === 'dead'));
      return ids;
    },
    fail: async (count, type = () => 'invoice.sent') => {
      const types = Array.from({ length: count }, (_, index) => type(index));
      const before = { invoice: await resting(queue('invoice')), archive: await resting(queue('archive')) };
      const ids: string[] = [];
      for (const [index, one] of types.entries()) ids.push(await app.emit(one, { number: index }));
      const expected = {
        invoice: types.filter((one) => one.startsWith('invoice.')).length,
        archive: types.filter((one) => one === 'invoice.sent' || one.startsWith('letter.')).length,
      };
      for (const method of ['invoice', 'archive'] as const)
        await eventually(async () => (await resting(queue(method))) === before[method] + expected[method]);
      return ids;
    },
    all: async (filter = {}) => {
      const found: DeadLetter[] = [];
      for (let cursor: string | undefined; ;) {
        const page = await letters.list({ ...filter, ...(cursor !== undefined && { cursor }) });
        found.push(...page.letters);
        if (page.next === undefined) return found;
        cursor = page.next;
      }
    },
    close: async () => {
      await app.close();
      await playground.close();
    },
  };
}

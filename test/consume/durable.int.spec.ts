import { Inject, Injectable, Scope } from '@nestjs/common';
import {
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

/** As in Nest's documentation: one sub-tree of providers for each tenant. */
class ByTenant implements ContextIdStrategy {
  private readonly tenants = new Map<string, ContextId>();

  attach(contextId: ContextId, request: unknown) {
    if (!(request instanceof EventContext)) return () => contextId;
    const tenant = String(request.headers['tenant']);
    const shared = this.tenants.get(tenant) ?? ContextIdFactory.create();
    this.tenants.set(tenant, shared);
    const resolve = (info: HostComponentInfo) => (info.isTreeDurable ? shared : contextId);
    return { resolve, payload: { tenant } };
  }
}

const seen: string[] = [];
let made = 0;

@Injectable({ scope: Scope.REQUEST, durable: true })
class Ledger {
  private readonly number = ++made;

  constructor(@Inject(REQUEST) private readonly request: { tenant: string }) {}

  @OnEvent('booked')
  book(_booking: unknown, { id }: EventContext): void {
    seen.push(`durable ${this.number} of ${this.request.tenant} for ${id}`);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Note {
  constructor(@Inject(REQUEST) private readonly context: EventContext) {}

  @OnEvent('booked')
  take(_booking: unknown, { id }: EventContext): void {
    seen.push(`request ${this.context.id} for ${id}`);
  }
}

let stage: Stage;

beforeAll(async () => {
  ContextIdFactory.apply(new ByTenant());
  stage = await openStage();
  await stage.start({ providers: [Ledger, Note] });
});

afterEach(() => {
  seen.length = 0;
});

afterAll(async () => {
  ContextIdFactory.apply(undefined as never);
  await stage?.close();
});

const book = (tenant: string) => stage.publish('booked', {}, { headers: { tenant } });

test('a durable provider is shared by the events of its tenant, and by no others', async () => {
  const [one, two, other] = [await book('acme'), await book('acme'), await book('umbrella')];
  const found = await eventually(() => {
    const durable = seen.filter((line) => line.startsWith('durable'));
    return durable.length === 3 && durable;
  });
  const lineOf = (id: string) => found.find((line) => line.endsWith(id));
  const numberOf = (id: string) => lineOf(id)?.split(' ')[1];
  expect(lineOf(one)).toContain('of acme');
  expect(lineOf(other)).toContain('of umbrella');
  expect(numberOf(one)).toBe(numberOf(two));
  expect(numberOf(one)).not.toBe(numberOf(other));
});

test('a request-scoped provider beside it still has an instance for each event', async () => {
  const ids = [await book('acme'), await book('acme')];
  // Those of other tests may be late.
  const own = () => seen.filter((line) => line.startsWith('request') && ids.some((id) => line.endsWith(id)));
  await eventually(() => own().length === 2);
  expect(own().sort()).toEqual(ids.map((id) => `request ${id} for ${id}`).sort());
});

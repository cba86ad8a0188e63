import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxTopology, Retry, type RabbitMqOptions } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../../consume/stage.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { listed, sorted } from './listing.js';

const seen: string[] = [];

@Injectable()
class Billing {
  @OnEvent(['order.*', 'user.#'], { retry: ['100ms', '200ms'], expiration: '1d' })
  bill(payload: { fail?: boolean; later?: boolean }, { id, attempt }: EventContext): void {
    seen.push(`bill ${id} ${attempt}`);
    if (payload.later && attempt === 1) throw new Retry('later', { delay: '150ms' });
    if (payload.fail) throw new Error('no');
  }

  @OnEvent('order.placed', { broadcast: true, retry: ['100ms'] })
  refresh(_payload: unknown, { id, attempt }: EventContext): void {
    seen.push(`refresh ${id} ${attempt}`);
    if (attempt === 1) throw new Error('once');
  }
}

let node: RabbitMqNode;
let stage: Stage;
let folder: string;
let name: string;

beforeAll(async () => {
  node = await startRabbitMq();
  stage = await openStage({ rabbitUrl: node.url });
  ({ name } = stage.playground);
  folder = await mkdtemp(path.join(tmpdir(), 'definitions-'));
});

afterEach(() => {
  seen.length = 0;
});

afterAll(async () => {
  await stage?.close();
  await node?.close();
  if (folder) await rm(folder, { recursive: true });
});

const user = (role: string) => `${name}-${role}`;

function urlFor(role: string): string {
  const url = new URL(node.url);
  return Object.assign(url, { username: user(role), password: 'secret' }).href;
}

const topologyOf = async (): Promise<OutboxTopology> => {
  const { app } = await stage.start({ providers: [Billing], options: { idle: true } });
  return app.get(OutboxTopology);
};

const list = (what: string, ...columns: string[]) => listed(node, name, what, ...columns);

describe('the definitions of an application', () => {
  test('are imported by rabbitmqctl, with permissions for users that may configure nothing', async () => {
    for (const role of ['relay', 'worker']) await node.ctl('add_user', user(role), 'secret');
    const users = { relay: user('relay'), worker: user('worker') };
    const definitions = (await topologyOf()).definitions({ users });
    const file = path.join(folder, 'definitions.json');
    await writeFile(file, JSON.stringify(definitions));
    await node.ctl('import_definitions', file);
    expect(await list('queues', 'name')).toEqual(
      sorted(
        ['Billing.bill', 'Billing.bill.dlq', 'Billing.refresh.dlq', 'retry.100ms', 'retry.200ms', 'retry.1s']
          .map((queue) => [`~.${queue}`])
          .concat([['~.unclaimed']]),
      ),
    );
    const permissions = await node.ctl('list_user_permissions', user('relay'), '-q', '--no-table-headers');
    expect(permissions.trim().split('\t')).toEqual(['/', '^$', `^(${name})$`, '^$']);
  });

  test('are what the application declares itself where it may', async () => {
    const before = await list('queues', 'name', 'arguments');
    const bindings = await list('bindings', 'source_name', 'destination_name', 'routing_key');
    const app = await stage.start({ providers: [Billing] });
    await app.close();
    expect(await list('queues', 'name', 'arguments')).toEqual(before);
    expect(await list('bindings', 'source_name', 'destination_name', 'routing_key')).toEqual(bindings);
  });
});

describe.each<NonNullable<RabbitMqOptions['topology']>>(['check', 'none'])(
  'users that may configure nothing shared, with topology %s,',
  (topology) => {
    let relay: TestApp;
    let worker: TestApp;

    beforeAll(async () => {
      relay = await stage.start({
        options: { rabbitmq: { url: urlFor('relay'), topology }, relay: { enabled: true } },
      });
      const options = { rabbitmq: { url: urlFor('worker'), topology } };
      worker = await stage.start({ providers: [Billing], options });
    });

    afterAll(async () => {
      await relay.close();
      await worker.close();
    });

    test('relay, consume, retry, and broadcast', async () => {
      const id = await relay.emit('order.placed', {});
      await eventually(() => seen.length === 3);
      expect(seen.toSorted()).toEqual([`bill ${id} 1`, `refresh ${id} 1`, `refresh ${id} 2`]);
    });

    test('dead-letter', async () => {
      const id = await relay.emit('order.shipped', { fail: true });
      const letter = await stage.deadLetter(stage.queue('Billing.bill'));
      expect(letter.properties).toMatchObject({ messageId: id, headers: { 'outbox-attempt': 3 } });
    });

    test('wait in the nearest retry queue there is when a Retry asks for another', async () => {
      const id = await relay.emit('user.invited', { later: true });
      await eventually(() => seen.length === 2);
      expect(seen).toEqual([`bill ${id} 1`, `bill ${id} 2`]);
    });
  },
);

describe('a look at the broker', () => {
  test('finds nothing wrong when all is there', async () => {
    expect(await (await topologyOf()).check()).toEqual({ missing: [], mismatches: [], uncompared: [] });
  });

  test('names what is missing and what differs, and changes neither', async () => {
    const queue = stage.queue('Billing.bill');
    await stage.onChannel(async (channel) => {
      await channel.deleteQueue(`${queue}.dlq`);
      await channel.deleteQueue(queue);
      await channel.assertQueue(queue, { arguments: { 'x-queue-type': 'quorum' } });
    });
    const { missing, mismatches, uncompared } = await (await topologyOf()).check();
    expect(missing).toEqual([`queue "${queue}.dlq"`]);
    expect(mismatches).toHaveLength(1);
    expect(mismatches[0]).toMatchObject({ kind: 'queue', name: queue, declared: expect.anything() });
    expect(uncompared).toEqual([]);
    await expect(stage.look(`${queue}.dlq`)).rejects.toThrow(/NOT_FOUND/);
  });

  test('says what it could not compare when the user may not configure', async () => {
    const options = { idle: true, rabbitmq: { url: urlFor('worker') } };
    const { app } = await stage.start({ providers: [Billing], options });
    const { missing, mismatches, uncompared } = await app.get(OutboxTopology).check();
    expect(missing).toEqual([`queue "${stage.queue('Billing.bill')}.dlq"`]);
    expect(mismatches).toEqual([]);
    expect(uncompared).toContain(`exchange "${name}"`);
    expect(uncompared).toContain(`queue "${name}.retry.100ms"`);
  });
});

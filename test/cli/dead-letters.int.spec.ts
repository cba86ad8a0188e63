import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openStage, type Stage } from '../admin/stage.js';
import { eventually } from '../support/outbox-app.js';
import { cli, jsonOf } from './cli.js';

interface Listed {
  letters: Array<{ id: string; where: string; type: string; payload: unknown; errors: unknown[] }>;
  next: string | null;
}

let stage: Stage;
let at: string[];

beforeAll(async () => {
  stage = await openStage();
  const { databaseUrl, rabbitUrl, name } = stage.playground;
  at = ['--database-url', databaseUrl, '--schema', name, '--rabbitmq-url', rabbitUrl, '--exchange', name];
});
afterAll(() => stage?.close());
afterEach(async () => {
  stage.desk.broken = true;
  stage.desk.handled.length = 0;
  await stage.letters.purge({ all: true });
});

const outbox = (...args: string[]) => cli([...args, ...at]);

describe('outbox list', () => {
  test('shows what died where, when and of what, one line each', async () => {
    const [dead] = await stage.die(1, () => ({ key: 'order-1' }));
    const [failed] = await stage.fail(1, () => 'letter.sent');
    const { code, stdout } = await outbox('list');
    expect(code).toBe(0);
    const [titles, ...lines] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(/^where +id +type +key +attempts +failed +error$/);
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(`^publishing +${dead} +order.placed +order-1 +1 +20..-.*Z +.*NOT_FOUND`),
      ),
      expect.stringMatching(
        new RegExp(`^${stage.queue('archive')} +${failed} +letter.sent +- +1 .*Error: archive is broken$`),
      ),
    ]);
  });

  test('goes page by page, and filters', async () => {
    const ids = await stage.fail(5, (index) => (index === 2 ? 'letter.read' : 'letter.sent'));
    const first = await jsonOf<Listed>(['list', '--limit', '2', ...at]);
    const second = await jsonOf<Listed>(['list', '--limit', '2', '--cursor', first.next ?? '', ...at]);
    expect([...first.letters, ...second.letters].map(({ id }) => id)).toEqual(ids.slice(0, 4));
    const read = await jsonOf<Listed>([
      'list',
      '--type',
      '*.read',
      '--where',
      `${stage.playground.name}.#`,
      ...at,
    ]);
    expect(read.letters).toEqual([
      expect.objectContaining({ id: ids[2], type: 'letter.read', payload: { number: 2 } }),
    ]);
    expect(await outbox('list', '--limit', '2')).toMatchObject({
      stdout: expect.stringMatching(/There may be more: --cursor \S+\n$/),
    });
    expect((await outbox('list', '--error', 'not this one')).stdout).toBe(
      'There are no dead letters like that.\n',
    );
  });

  test('says in base64 what is not text', async () => {
    await stage.app.dataSource.transaction((manager) =>
      stage.app.outbox.emit(manager, 'order.placed', Buffer.from([0, 255, 1]), { exchange: stage.nowhere }),
    );
    const [letter] = await eventually(async () => {
      const { letters } = await jsonOf<Listed>(['list', ...at]);
      return letters.length > 0 && letters;
    });
    expect(letter?.payload).toEqual({ base64: 'AP8B' });
  });
});

describe('outbox show', () => {
  test('shows errors, stack, headers and payload of every dead letter of an event', async () => {
    const [id] = await stage.fail(1);
    const { code, stdout } = await outbox('show', id as string);
    expect(code).toBe(0);
    for (const method of ['invoice', 'archive'] as const)
      expect(stdout).toMatch(new RegExp(`where +${stage.queue(method)}`));
    expect(stdout).toMatch(/T.*Z +1 +Error: invoice is broken\n.*T.*Z +2 +Error: invoice is broken/);
    expect(stdout).toContain('at Desk.invoice');
    expect(stdout).toContain('"number": 0');
    const { letters } = await jsonOf<Listed>([
      'show',
      id as string,
      '--where',
      stage.queue('invoice'),
      ...at,
    ]);
    expect(letters).toHaveLength(1);
  });

  test('ends with 1 when there is none', async () => {
    expect(await outbox('show', 'nothing')).toMatchObject({
      code: 1,
      stdout: 'There is no dead letter of event nothing.\n',
    });
  });

  test('lets nothing through that a terminal would obey', async () => {
    const [id] = await stage.die(1);
    await stage.playground.sql(
      `UPDATE ${stage.playground.name}.outbox SET last_error = $2,
       errors = jsonb_build_array(jsonb_build_object('attempt', 1, 'at', now(), 'error', $2::text)) WHERE id = $1`,
      [id, 'evil \u001b[2J\u0007'],
    );
    for (const args of [['list'], ['show', id as string]])
      // eslint-disable-next-line no-control-regex
      expect((await outbox(...args)).stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

test.each([
  ['list', '--error', 'nothing like this'],
  ['show', '0199f0aa-0000-7000-8000-000000000000'],
])('outbox %s is ended by the first signal, also while it waits for its turn', async (...args) => {
  const channel = await stage.playground.channel();
  const lock = `${stage.queue('archive')}.dlq.operator`;
  await channel.assertQueue(lock, {
    exclusive: true,
    durable: false,
    arguments: { 'x-queue-type': 'classic' },
  });
  const stopping = new AbortController();
  const running = cli([...args, '--where', stage.queue('archive'), ...at], { signal: stopping.signal });
  const early = await Promise.race([
    running,
    new Promise<'waits'>((resolve) => setTimeout(resolve, 1_000, 'waits')),
  ]);
  expect(early).toBe('waits');
  stopping.abort();
  const before = performance.now();
  expect(await running).toMatchObject({ code: 130, stdout: '' });
  // Whoever is not ended gives up after 15 s.
  expect(performance.now() - before).toBeLessThan(8_000);
  await channel.deleteQueue(lock);
  await channel.close();
});

describe('outbox requeue', () => {
  test('puts back what a filter asks for, and tells what went where', async () => {
    const ids = await stage.fail(3);
    stage.desk.broken = false;
    const { code, stdout } = await outbox(
      'requeue',
      '--where',
      `${stage.playground.name}.Desk.*`,
      '--rate',
      '500',
    );
    expect([code, stdout.split('\n')[0]]).toEqual([0, '6 requeued.']);
    expect(stdout).toMatch(new RegExp(`^ +3  ${stage.queue('invoice')}$`, 'm'));
    await eventually(() => stage.desk.handled.length === 6);
    expect(stage.desk.idsOf('archive')).toEqual(ids);
  });

  test('puts back ids, wherever they rest; ends with 1 when there is none', async () => {
    const [id] = await stage.fail(2);
    stage.desk.broken = false;
    expect(await outbox('requeue', id as string)).toMatchObject({ code: 0 });
    await eventually(() => stage.desk.handled.length === 2);
    expect(await outbox('requeue', '0199f0aa-0000-7000-8000-000000000000')).toMatchObject({ code: 1 });
  });

  test('only counts with --dry-run', async () => {
    await stage.die(2);
    expect(await outbox('requeue', '--all', '--dry-run')).toMatchObject({
      code: 0,
      stdout: '2 would be requeued.\n',
    });
    expect((await stage.letters.counts({ where: 'publishing' }))[0]?.count).toBe(2);
  });

  test('ends with 1 when some could not be put back, and says why', async () => {
    const gone = `${stage.playground.name}.Gone.handle`;
    stage.playground.remember('queue', `${gone}.dlq`);
    const channel = await stage.playground.channel();
    await channel.assertQueue(`${gone}.dlq`, { arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue(`${gone}.dlq`, Buffer.from('{}'), { messageId: 'lost' });
    await eventually(async () => (await stage.letters.counts({ where: gone }))[0]?.count === 1);
    const { code, stdout } = await outbox('requeue', '--where', gone);
    expect(code).toBe(1);
    expect(stdout).toContain('1 could not be; they are where they were.');
    expect(stdout).toContain(`There is no queue ${gone}`);
    await channel.close();
  });

  test('ends with 4 when RabbitMQ cannot be reached; what needs no RabbitMQ goes without', async () => {
    await stage.die(1);
    const nowhere = [...at.slice(0, 4), '--rabbitmq-url', 'amqp://127.0.0.1:1'];
    expect(await cli(['requeue', '--where', 'shop.X.y', ...nowhere])).toMatchObject({ code: 4 });
    expect(await cli(['list', ...nowhere])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('ECONNREFUSED'),
    });
    expect(await cli(['list', '--where', 'publishing', ...nowhere])).toMatchObject({ code: 0, stderr: '' });
  });

  test('is ended by a signal, with 130, telling how far it came', async () => {
    await stage.fail(30, () => 'letter.sent');
    const stopping = new AbortController();
    const requeuing = cli(['requeue', '--where', stage.queue('archive'), '--rate', '20', '--json', ...at], {
      signal: stopping.signal,
    });
    await eventually(
      async () => ((await stage.letters.counts({ where: stage.queue('archive') }))[0]?.count ?? 30) < 30,
    );
    stopping.abort();
    const { code, stdout } = await requeuing;
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ cancelled: true });
  });
});

describe('outbox purge', () => {
  test('asks, naming what goes, and does nothing on anything but yes', async () => {
    await stage.fail(2, () => 'letter.sent');
    const purge = ['purge', '--type', 'letter.*', ...at];
    const no = await cli(purge, { answer: '' });
    expect(no).toMatchObject({ code: 0, stdout: '' });
    expect(no.stderr).toContain(`Purge 2 dead letters (2 of ${stage.queue('archive')})? [y/N]`);
    expect((await stage.letters.counts({ where: stage.queue('archive') }))[0]?.count).toBe(2);
    expect(await cli(purge, { answer: 'yes' })).toMatchObject({ code: 0, stdout: '2 purged.\n' });
    expect(await stage.all()).toEqual([]);
  });

  test('deletes no more than it named, whatever dies while it waits for an answer', async () => {
    await stage.fail(2, () => 'letter.sent');
    let late: string[] = [];
    const answer = async () => {
      late = await stage.fail(3, () => 'letter.sent');
      return 'yes';
    };
    const purge = ['purge', '--where', stage.queue('archive'), ...at];
    expect(await cli(purge, { answer })).toMatchObject({ code: 0, stdout: '2 purged.\n' });
    expect((await stage.all()).map(({ id }) => id)).toEqual(late);
  });

  test('wants --yes where nobody can be asked', async () => {
    const [id] = await stage.die(1);
    expect(await outbox('purge', id as string)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('give --yes'),
    });
    expect(await outbox('purge', id as string, '--dry-run')).toMatchObject({
      code: 0,
      stdout: '1 would be purged.\n',
    });
    expect(await outbox('purge', id as string, '--yes')).toMatchObject({ code: 0, stdout: '1 purged.\n' });
  });
});

test.each([
  [['requeue']],
  [['purge', '--yes']],
  [['requeue', '--all', '--type', 'x']],
  [['requeue', '--all', 'an-id']],
  [['requeue', '--type', 'order.**']],
  [['requeue', '--all', '--rate', '0']],
  [['list', '--limit', '0']],
  [['list', '--failed-after', 'yesterday']],
  [['list', '--cursor', 'made up']],
  [['show']],
])('outbox %j is wrong usage', async (args) => {
  const { code, stdout, stderr } = await outbox(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).not.toBe('');
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { outboxOptions, eventually } from '../support/outbox-app.js';
import { ModuleProcess } from '../support/module-process.mjs';
import { openLedger, type Ledger } from './ledger.js';
import { openStage, type Stage } from './stage.js';

const MODULE = new URL('fixtures/bookkeeper.mjs', import.meta.url);

describe('a process with an inbox that is killed', () => {
  let stage: Stage;
  let ledger: Ledger;
  let processes: ModuleProcess[];

  beforeEach(async () => {
    processes = [];
    stage = await openStage();
    ledger = await openLedger(stage.playground);
    // They declare in processes of their own, where nobody remembers what for.
    const queue = stage.queue('Bookkeeper.book');
    for (const name of [queue, `${queue}.dlq`]) stage.playground.remember('queue', name);
    for (const kind of ['queue', 'exchange'] as const)
      stage.playground.remember(kind, `${stage.playground.name}.retry.1s`);
  });

  afterEach(async () => {
    for (const one of processes) await one.end();
    await stage.close();
  });

  async function launch() {
    const { playground } = stage;
    const bookkeeper = new ModuleProcess(MODULE);
    processes.push(bookkeeper);
    await bookkeeper.call('start', {
      database: { url: playground.databaseUrl, schema: playground.name },
      options: outboxOptions(playground, { relay: { enabled: false } }),
    });
    return bookkeeper;
  }

  test.each(['handling', 'committed'])('when it was %s leaves every effect there once', async (moment) => {
    const first = await launch();
    const dying = first.call('dieWhen', moment).catch(() => undefined);
    const id = await stage.publish('job');
    await dying;
    await eventually(() => !first.running);
    expect(await ledger.of(id)).toEqual(moment === 'committed' ? ['done'] : []);
    const second = await launch();
    const outcomes = () => second.call('outcomes') as Promise<string[]>;
    await eventually(async () => (await outcomes()).length === 1);
    expect(await outcomes()).toEqual([moment === 'committed' ? 'duplicate' : 'handled']);
    expect(await ledger.of(id)).toEqual(['done']);
  });
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/outbox-app.js';
import { startPostgres } from '../support/postgres.mjs';
import { startStandby, type Standby } from '../support/postgres/standby.js';
import { TcpProxy } from '../support/tcp-proxy.mjs';
import { events, idsOf, inversions, RelayStage } from './stage.js';

const OPTIONS = { relay: { pollInterval: 50, batchSize: 50, window: 100 } };

/** What a failover looks like to those who know the database by a name: it is gone, then read-only, then a primary again. */
describe('a database that fails over to its standby', () => {
  let primary: Awaited<ReturnType<typeof startPostgres>>;
  let standby: Standby;
  let address: TcpProxy;
  let stage: RelayStage;

  beforeAll(async () => {
    primary = await startPostgres();
    standby = await startStandby(primary);
    address = await TcpProxy.start(primary.url);
    stage = await RelayStage.open({ databaseUrl: address.url });
  });
  afterAll(async () => {
    // When the test fails the database may be read-only; it goes anyway.
    await stage?.close().catch(() => undefined);
    await address?.close();
    await standby?.close();
    await primary?.close();
  });

  test('is waited for while it is read-only, and published from when it is promoted: in order, nothing lost, no attempt spent', async () => {
    const ids = await stage.emit(events(5_000, { keys: 11 }));
    const { relay } = await stage.relay(OPTIONS);
    await eventually(() => relay.counts.published > 500);
    await standby.caughtUp();
    address.retarget(standby.url);
    await primary.stop('immediate');
    const stats = () => relay.stats().catch(() => undefined);
    await eventually(async () => (await stats())?.breaker === 'open');
    const waiting = await stage.waiting();
    await eventually(async () => Number((await stats())?.lag) > 3_000);
    expect((await stage.waiting()) - waiting).toBeLessThanOrEqual(2 * OPTIONS.relay.window);
    await standby.promote();
    const later = events(200, { keys: 11 }).map((event, index) => ({ ...event, payload: 5_001 + index }));
    await eventually(() =>
      stage
        .emit(later)
        .then((more) => ids.push(...more))
        .catch(() => false),
    );
    await stage.settled(40_000);
    const received = await stage.receive();
    expect(new Set(idsOf(received))).toEqual(new Set(ids));
    expect(inversions(received)).toEqual([]);
    expect((await stage.rows()).filter(({ attempts, state }) => attempts || state !== 'published')).toEqual(
      [],
    );
  });
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { recordLifecycle } from './recorder.js';

const LANES = 4;
const all = [...Array(LANES).keys()];
const inOrder = (lanes: Iterable<number>) => [...lanes].sort((a, b) => a - b);

describe('relays tell', () => {
  let playground: Playground;
  const apps: TestApp[] = [];

  beforeEach(async () => {
    playground = await createPlayground();
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await playground.close();
  });

  /** What it tells, and the lanes that it should hold by what it has told. */
  async function start() {
    const app = await startApp(playground, { options: { relay: { lanes: LANES } } });
    apps.push(app);
    // What came first was told before anybody could listen.
    app.relay.pause();
    await eventually(async () => (await seats()) === apps.length - 1);
    const told = recordLifecycle(app);
    app.relay.resume();
    const holds = () => {
      const held = new Set<number>();
      for (const message of told.messages) {
        if (message.name === 'lane-gained') message.lanes.forEach((lane) => held.add(lane));
        if (message.name === 'lane-lost')
          message.lanes.forEach((lane) => {
            if (!held.delete(lane)) throw new Error(`Lane ${lane} was lost that was not held.`);
          });
      }
      return inOrder(held);
    };
    return { ...app, told, holds };
  }

  const seats = async () => {
    const [row] = await playground.sql<{ seats: number }>(
      `SELECT count(DISTINCT l.pid)::int AS seats FROM pg_locks l JOIN pg_class c ON l.classid = c.oid
       WHERE l.locktype = 'advisory' AND l.granted AND c.relnamespace = '${playground.name}'::regnamespace`,
    );
    return row?.seats;
  };

  test('which lanes they gain and lose: each is one relay’s, and all are somebody’s, as relays come and go', async () => {
    const one = await start();
    await eventually(() => one.holds().length === LANES);
    const two = await start();
    await eventually(() => one.holds().length === 2 && two.holds().length === 2);
    expect(inOrder([...one.holds(), ...two.holds()])).toEqual(all);
    await apps.pop()?.close();
    expect(two.holds()).toEqual([]);
    await eventually(() => one.holds().length === LANES);
  });

  test('that a relay which is paused leaves its lanes, and takes them again', async () => {
    const { relay, told, holds } = await start();
    await eventually(() => holds().length === LANES);
    relay.pause();
    await eventually(() => holds().length === 0);
    relay.resume();
    await eventually(() => holds().length === LANES);
    expect(told.names()).toEqual([
      'relay-resumed',
      'lane-gained',
      'relay-paused',
      'lane-lost',
      'relay-resumed',
      'lane-gained',
    ]);
  });

  test('that a relay has lost its lanes with its connection, before it gains them again', async () => {
    const { holds, told } = await start();
    await eventually(() => holds().length === LANES);
    await playground.sql(
      `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c ON l.classid = c.oid
       WHERE l.locktype = 'advisory' AND c.relnamespace = '${playground.name}'::regnamespace`,
    );
    await eventually(() => told.named('lane-gained').length === 2 && holds().length === LANES);
    expect(told.named('lane-lost').map(({ lanes }) => inOrder(lanes))).toEqual([all]);
  });
});

import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ArchivedEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { events, RelayStage } from './stage.js';

/** Pruned every second. */
const SHORT = '10ms';

describe('an application with an archive', () => {
  let stage: RelayStage;

  beforeAll(async () => {
    stage = await RelayStage.open();
  });
  afterAll(() => stage?.close());
  afterEach(async () => {
    jest.restoreAllMocks();
    await stage.stopRelays();
    await stage.clear();
  });

  const isEmpty = async () => (await stage.rows()).length === 0;

  test('moves what it has published to the table when the retention is over', async () => {
    const ids = await stage.emit(events(20));
    await stage.relay({ retention: SHORT, archive: 'table' });
    await eventually(isEmpty);
    const archived = await stage.playground.sql<{ id: string }>(
      `SELECT id FROM ${stage.table}_archive ORDER BY seq`,
    );
    expect(archived.map(({ id }) => id)).toEqual(ids);
    expect(await stage.waiting()).toBe(20);
  });

  test('hands it to its function, again and again until that has it, and warns meanwhile', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn');
    const taken: ArchivedEvent[] = [];
    let calls = 0;
    const ids = await stage.emit(events(3));
    await stage.relay({
      retention: SHORT,
      archive: (offered) => {
        if (++calls === 1) throw new Error('no space left');
        taken.push(...offered);
      },
    });
    await eventually(isEmpty);
    expect(new Set(taken.map(({ id }) => id))).toEqual(new Set(ids));
    expect(taken).toHaveLength(3);
    expect(JSON.parse(String(taken[0]?.payload))).toBe(1);
    const warnings = warn.mock.calls.map(([message]) => String(message));
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /^Published events could not be pruned, tried again in 1000 ms: archive did not take \d published events, .*: no space left$/,
      ),
    );
  });

  test('is shut down at once although its function does not end', async () => {
    let begun = false;
    await stage.emit(events(3));
    const relay = await stage.relay({
      retention: SHORT,
      archive: () => {
        begun = true;
        return new Promise(() => undefined);
      },
    });
    await eventually(() => begun);
    await relay.close();
    expect(await stage.rows()).toHaveLength(3);
  });
});

import { describe, expect, test } from '@jest/globals';
import { migrations } from '../../lib/store/postgres/migrations/migrations.js';
import { tables } from '../../lib/store/postgres/tables.js';

/** Whether a process that knows nothing of the statement goes on working beside it. */
const onlyAdds = (statement: string): boolean =>
  [
    /^CREATE (TABLE|INDEX|UNIQUE INDEX) /,
    // Old processes leave the column out; a default that is not constant would make PostgreSQL write every row anew.
    /^ALTER TABLE \S+ ADD COLUMN \w+ \w+( NOT NULL DEFAULT ('[^']*'|\d+|true|false))?$/,
  ].some((allowed) => allowed.test(statement));

describe('the steps of the schema', () => {
  test('have a version, a time and a name of their own, in order', () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
    const times = migrations.map(({ timestamp }) => timestamp);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    expect(new Set(migrations.map(({ name }) => name)).size).toBe(migrations.length);
  });

  test('only add after the first, so that old processes go on beside them', () => {
    const added = migrations.slice(1).flatMap((step) => step.up(tables({ schema: 'shop' })));
    expect(added.filter((statement) => !onlyAdds(statement))).toEqual([]);
  });

  test.each([
    ['ALTER TABLE "outbox" ADD COLUMN note text', true],
    ['ALTER TABLE "shop"."outbox" ADD COLUMN weight integer NOT NULL DEFAULT 0', true],
    ['CREATE INDEX "outbox_note" ON "outbox" (note) WHERE state = \'dead\'', true],
    ['ALTER TABLE "outbox" DROP COLUMN key', false],
    ['ALTER TABLE "outbox" RENAME COLUMN key TO name', false],
    ['ALTER TABLE "outbox" ALTER COLUMN key TYPE varchar', false],
    ['ALTER TABLE "outbox" ALTER COLUMN key SET NOT NULL', false],
    ['ALTER TABLE "outbox" ADD COLUMN note text NOT NULL', false],
    ['ALTER TABLE "outbox" ADD COLUMN note uuid NOT NULL DEFAULT gen_random_uuid()', false],
    ['ALTER TABLE "outbox" ADD CONSTRAINT a CHECK (priority > 0)', false],
    ['DROP INDEX "outbox_failed"', false],
    ['UPDATE "outbox" SET note = key', false],
  ])('the rule says of %s that it only adds: %p', (statement, expected) => {
    expect(onlyAdds(statement)).toBe(expected);
  });
});

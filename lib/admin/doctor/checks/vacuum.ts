import { durationText } from '../../../policy/duration.js';
import type { TableState } from '../../../store/inspection.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

export async function vacuumCheck(facts: Facts): Promise<Look> {
  const { maxDeadRows, maxTransaction } = facts.thresholds;
  const tables = await facts.parts.store.tables();
  const switchedOff = tables.filter(({ autovacuum }) => autovacuum !== 'on');
  const behind = tables.filter(
    (table) => !switchedOff.includes(table) && table.deadRows > maxDeadRows && !table.running,
  );
  const held =
    behind.length > 0 &&
    (await facts.horizon()).holders.some(({ age }) => age !== null && age > maxTransaction);
  return { findings: [...switchedOff.map(off), ...behind.map((table) => lagging(table, held))] };
}

const off = (table: TableState): Found =>
  problem(
    'autovacuum-off',
    `Autovacuum is ${table.autovacuum} ${table.autovacuum === 'off' ? 'on this server' : `"${table.table}"`}; ${table.deadRows} dead rows have gathered. Relays read through more and more of them.`,
    table.autovacuum === 'off'
      ? 'Set autovacuum = on and track_counts = on in postgresql.conf and reload it.'
      : `ALTER TABLE "${table.table}" RESET (autovacuum_enabled);`,
    { ...table },
  );

function lagging(table: TableState, held: boolean): Found {
  const { sinceVacuum } = table;
  const since =
    sinceVacuum === null
      ? 'has never been vacuumed'
      : `was vacuumed ${durationText(Math.round(sinceVacuum))} ago`;
  return problem(
    'autovacuum-behind',
    `Table "${table.table}" has ${table.deadRows} dead rows that autovacuum has not removed; it ${since}.${held ? ' A transaction that has long been open holds it up: see there.' : ''}`,
    held
      ? `End that transaction, then VACUUM "${table.table}";`
      : `VACUUM "${table.table}"; now. For good: more autovacuum_max_workers, or less autovacuum_vacuum_cost_delay.`,
    { ...table },
  );
}

import { durationText } from '../../../policy/duration.js';
import type { HorizonHolder, TableState } from '../../../store/inspection.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

/** A busy table gathers many dead rows between two rounds of autovacuum; so long after the last it should have come; in ms. */
const OVERDUE = 300_000;
/** Of what has no age, so many transactions are a while. */
const MANY = 10_000;

export async function vacuumCheck(facts: Facts): Promise<Look> {
  const { maxDeadRows, maxTransaction } = facts.thresholds;
  const tables = await facts.parts.store.tables();
  const switchedOff = tables.filter(({ autovacuum }) => autovacuum !== 'on');
  const full = tables.filter((table) => !switchedOff.includes(table) && table.deadRows > maxDeadRows);
  const { holders } = full.length > 0 ? await facts.horizon() : { holders: [] };
  const holder = holders.find(({ age, transactions }) =>
    age === null ? transactions > MANY : age > maxTransaction,
  );
  const behind = full.filter(
    ({ running, sinceVacuum }) => holder || (!running && (sinceVacuum === null || sinceVacuum > OVERDUE)),
  );
  return { findings: [...switchedOff.map(off), ...behind.map((table) => lagging(table, holder))] };
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

function lagging(table: TableState, holder: HorizonHolder | undefined): Found {
  const { sinceVacuum } = table;
  const since =
    sinceVacuum === null
      ? 'has never been vacuumed'
      : `was vacuumed ${durationText(Math.round(sinceVacuum))} ago`;
  return problem(
    'autovacuum-behind',
    `Table "${table.table}" has ${table.deadRows} dead rows that autovacuum has not removed; it ${since}.${holder ? ` ${holding(holder)} holds it up.` : ''}`,
    holder
      ? `${RELEASE[holder.kind]}, then VACUUM "${table.table}";`
      : `VACUUM "${table.table}"; now. For good: more autovacuum_max_workers, or less autovacuum_vacuum_cost_delay.`,
    { ...table },
  );
}

const holding = ({ kind, pid, name, transactions }: HorizonHolder): string =>
  kind === 'session'
    ? `A transaction that session ${pid} has long had open`
    : `The ${kind} "${name}", ${transactions} transactions behind,`;

const RELEASE: Record<HorizonHolder['kind'], string> = {
  session: 'End that transaction',
  'prepared transaction': 'Commit or roll back that transaction',
  'replication slot': 'Bring back the consumer of that slot, or drop it',
  standby: 'End the query on that standby',
};

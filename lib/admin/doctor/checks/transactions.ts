import { durationText } from '../../../policy/duration.js';
import type { HorizonHolder } from '../../../store/inspection.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

/** Of what has no age, so many transactions behind are too many. */
const TOO_MANY = 1_000_000;

export async function transactionsCheck(facts: Facts): Promise<Look> {
  const { holders, seesAll } = await facts.horizon();
  const { maxTransaction } = facts.thresholds;
  const old = holders.filter(({ age, transactions }) =>
    age === null ? transactions > TOO_MANY : age > maxTransaction,
  );
  const remark = seesAll
    ? undefined
    : 'only sessions of our own user can be seen; GRANT pg_read_all_stats shows the others';
  return { findings: old.map(holding), ...(remark && { remark }) };
}

const SLOWER =
  'Rows that were published or pruned since cannot be removed, so that relays read through more and more of them.';

function holding(holder: HorizonHolder): Found {
  const details = { ...holder, age: holder.age === null ? null : Math.round(holder.age) };
  switch (holder.kind) {
    case 'session':
      return problem('transaction-open', sessionText(holder), sessionCure(holder), details);
    case 'prepared transaction':
      return problem(
        'transaction-prepared',
        `The prepared transaction "${holder.name}" waits since ${ago(holder.age)} for its end. ${SLOWER}`,
        `COMMIT PREPARED '${holder.name}' or ROLLBACK PREPARED '${holder.name}', as its transaction manager would have.`,
        details,
      );
    case 'replication slot':
      return problem(
        'replication-slot-behind',
        `The replication slot "${holder.name}" (${holder.state}) is ${holder.transactions} transactions behind. ${SLOWER}`,
        `Bring its consumer back, or SELECT pg_drop_replication_slot('${holder.name}') if nobody needs it.`,
        details,
      );
    case 'standby':
      return problem(
        'standby-behind',
        `A query on the standby "${holder.name}" is ${holder.transactions} transactions old. ${SLOWER}`,
        'End that query on the standby, or set hot_standby_feedback = off there.',
        details,
      );
  }
}

function sessionText({ pid, name, application, client, state, query, age }: HorizonHolder): string {
  const who = [name && `user ${name}`, application, client].filter(Boolean).join(', ');
  const what = query
    ? ` Its ${state === 'active' ? 'query' : 'last query'}: ${query.replace(/\s+/g, ' ')}`
    : '';
  return `Session ${pid} (${who}) has had a transaction open for ${ago(age)}; it is ${state ?? 'of unknown state'}. ${SLOWER}${what}`;
}

const sessionCure = ({ pid, state }: HorizonHolder): string =>
  state === 'active'
    ? `Let it end, or SELECT pg_terminate_backend(${pid}). Long reports and dumps belong on a standby.`
    : `SELECT pg_terminate_backend(${pid}), and find the code that left it open; idle_in_transaction_session_timeout ends such sessions by itself.`;

const ago = (ms: number | null) => durationText(Math.round((ms ?? 0) / 1_000) * 1_000);

import { durationText } from '../../../policy/duration.js';
import type { HeadEvent } from '../../../store/inspection.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

export async function lagCheck({ parts: { store }, thresholds }: Facts): Promise<Look> {
  const head = await store.head();
  const age = Math.round(head?.age ?? 0);
  if (!head || age <= thresholds.maxLag) return { findings: [], remark: `${durationText(age)} behind` };
  return { findings: [lagging(head, age)] };
}

function lagging(head: HeadEvent, age: number): Found {
  const { id, type, key, attempts, lastError, heldBy } = head;
  const event = `The oldest event that is due, ${id} ("${type}"${key === null ? '' : `, key "${key}"`}), has been waiting for ${ago(age)}`;
  const details = { id, type, key, attempts, lastError, age, heldBy };
  if (heldBy?.state === 'dead')
    return problem(
      'key-held-by-dead-event',
      `${event}: event ${heldBy.id} of the same key is dead, and holds back the rest of it. ${errorOf(heldBy.error)}`,
      `Remove the cause, then npx outbox requeue ${heldBy.id}; or give that event up: npx outbox purge ${heldBy.id}.`,
      details,
    );
  if (heldBy)
    return problem(
      'key-held-by-failing-event',
      `${event}: event ${heldBy.id} of the same key fails, and holds back the rest of it. ${errorOf(heldBy.error)}`,
      `Remove the cause; it is tried again${heldBy.dueAt ? ` at ${heldBy.dueAt.toISOString()}` : ' at once'}.`,
      details,
    );
  return problem(
    'lag',
    `${event}.${attempts > 0 ? ` It has failed ${attempts} times. ${errorOf(lastError)}` : ''}`,
    'If no relay runs, or one is in trouble, that is the cause: see there. If all run, they are too slow for what is emitted: ' +
      'start another one, and look for a slow database, or a transaction that has long been open.',
    details,
  );
}

const errorOf = (error: string | null) => (error ? `Its error: ${error}` : '');

const ago = (ms: number) => durationText(Math.round(ms / 1_000) * 1_000);

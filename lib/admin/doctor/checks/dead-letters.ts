import { setTimeout as sleep } from 'node:timers/promises';
import { PUBLISHING, type DeadLetter } from '../../dead-letters/dead-letter.js';
import type { DeadLetterCount } from '../../dead-letters/dead-letters.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

/** Of each place, from its front. */
const SAMPLE = 20;

/** Whether any rest, and whether they become more while we look. */
export async function deadLettersCheck(facts: Facts): Promise<Look> {
  const { parts, thresholds } = facts;
  const before = await parts.letters.counts();
  const resting = before.filter(({ count }) => count > 0);
  if (resting.length === 0) return { findings: [] };
  await sleep(thresholds.watch);
  const after = await parts.letters.counts();
  const findings: Found[] = [];
  for (const { where, count } of resting)
    findings.push(await restingAt({ where, count }, count, countAt(after, where), facts));
  return { findings };
}

/** Where RabbitMQ does not answer: at least those of the outbox. */
export async function deadRowsCheck(facts: Facts): Promise<Look> {
  const [place] = await facts.parts.letters.counts({ where: PUBLISHING });
  const findings = place && place.count > 0 ? [await restingAt(place, place.count, place.count, facts)] : [];
  return { findings, remark: 'only those of the outbox: RabbitMQ does not answer' };
}

const countAt = (counts: readonly DeadLetterCount[], place: string): number =>
  counts.find(({ where }) => where === place)?.count ?? 0;

async function restingAt(
  { where }: DeadLetterCount,
  before: number,
  after: number,
  { parts, thresholds }: Facts,
): Promise<Found> {
  const { letters } = await parts.letters.list({ where, limit: SAMPLE });
  const errors = mostCommon(letters);
  const last = letters
    .map(({ lastFailedAt }) => lastFailedAt)
    .filter((at) => at !== null)
    .at(-1);
  const growth = after > before ? ` and growing: ${after - before} more within ${thresholds.watch} ms` : '';
  const [error, count] = errors[0] ?? [undefined, 0];
  const why = error ? ` Of the first ${letters.length}, ${count} say: ${error}` : '';
  return problem(
    'dead-letters',
    `${Math.max(before, after)} dead letters rest at ${where}${growth}.${why}`,
    `npx outbox list --where ${where} and npx outbox show <id> tell more. When the cause is gone: npx outbox requeue --where ` +
      `${where}. To give them up: npx outbox purge --where ${where}.`,
    {
      where,
      count: Math.max(before, after),
      growing: after > before,
      errors: errors.map(([text, times]) => ({ error: text, count: times })),
      lastFailedAt: last ?? null,
    },
  );
}

function mostCommon(letters: readonly DeadLetter[]): Array<[error: string, count: number]> {
  const counts = new Map<string, number>();
  for (const { error } of letters) if (error !== '') counts.set(error, (counts.get(error) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one).slice(0, 3);
}

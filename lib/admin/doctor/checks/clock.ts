import { durationText } from '../../../policy/duration.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

const WHAT_IT_DOES =
  'The database decides what is due, so that a delay given as a point in time (availableAt) is off by as much, and so are times in logs, headers and traces.';
const CURE = 'Have the time of both machines kept by NTP (chronyc tracking, timedatectl).';

export async function clockCheck(facts: Facts): Promise<Look> {
  const { maxClockDifference: most } = facts.thresholds;
  const ahead = await ourLead(facts);
  const relays = (await facts.relays()).filter(
    ({ silence, clockAhead }) => silence < 15_000 && clockAhead !== null && Math.abs(clockAhead) > most,
  );
  const findings = [
    ...(Math.abs(ahead) > most ? [differing(`this machine, ${facts.parts.here.host},`, ahead)] : []),
    ...relays
      .filter(({ host }) => host !== facts.parts.here.host)
      .map(({ host, clockAhead }) => differing(host, clockAhead as number)),
  ];
  return { findings, remark: `${Math.round(Math.abs(ahead))} ms apart` };
}

/** In milliseconds; as exact as half of the time the answer takes. */
async function ourLead({ parts: { store, here } }: Facts): Promise<number> {
  // The first question may have to wait for a connection.
  await store.now();
  const [before, sent] = [here.now(), performance.now()];
  const theirs = await store.now();
  return before + (performance.now() - sent) / 2 - theirs;
}

function differing(where: string, ahead: number): Found {
  const by = durationText(Math.round(Math.abs(ahead) / 1_000) * 1_000);
  return problem(
    'clock-difference',
    `The clock of ${where} is ${by} ${ahead > 0 ? 'ahead of' : 'behind'} the database's. ${WHAT_IT_DOES}`,
    CURE,
    { ahead: Math.round(ahead) },
  );
}

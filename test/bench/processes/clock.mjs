import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds, by a clock that all processes of a machine share. */
export function now() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** Calls `act(n)` for each of `count` numbers by a fixed schedule, whatever becomes of the calls. Resolves when all have. */
export async function onSchedule(perSecond, count, act) {
  const started = now();
  const acts = [];
  while (acts.length < count) {
    const due = started + (acts.length * 1_000) / perSecond;
    if (due > now()) await sleep(due - now());
    else acts.push(act(acts.length));
  }
  await Promise.all(acts);
}

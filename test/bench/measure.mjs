/** Runs the cases in turn, `rounds` times over, so that noise of the machine hits them alike. Medians of what they return. */
export async function inTurn(rounds, cases) {
  const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const value = await run();
      results[name].push(value);
      console.log(`${name}: ${Math.round(value)}`);
    }
  }
  return Object.fromEntries(
    Object.entries(results).map(([name, values]) => [name, Math.round(median(values))]),
  );
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const ratio = (value, limit) => Math.round((value / limit) * 1000) / 1000;

/** Events per second of an asynchronous piece of work. */
export async function rate(events, work) {
  const started = performance.now();
  await work();
  return events / ((performance.now() - started) / 1000);
}

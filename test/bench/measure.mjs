/**
 * Runs the cases in turn, `rounds` times over, so that noise of the machine hits them alike; every other time backwards,
 * for what one leaves to the servers to tidy up hits the one that comes next. Medians of what they return:
 * one figure each, named after the case, or several, which add their names.
 */
export async function inTurn(rounds, cases) {
  const results = new Map();
  for (let round = 0; round < rounds; round++) {
    const inOrder = Object.entries(cases);
    for (const [name, run] of round % 2 === 0 ? inOrder : inOrder.reverse()) {
      const outcome = await run();
      const figures = typeof outcome === 'number' ? { [name]: outcome } : prefixed(name, outcome);
      console.log(
        Object.entries(figures)
          .map(([key, value]) => `${key}: ${rounded(value)}`)
          .join(', '),
      );
      for (const [key, value] of Object.entries(figures))
        results.set(key, [...(results.get(key) ?? []), value]);
    }
  }
  return Object.fromEntries([...results].map(([key, values]) => [key, rounded(median(values))]));
}

function prefixed(name, figures) {
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [`${name}${key}`, value]));
}

/** Rates to whole numbers, times to hundredths. */
const rounded = (value) => (Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100);

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest value that the share `q` of the values does not exceed. */
export function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

export const ratio = (value, limit) => Math.round((value / limit) * 1000) / 1000;

/** Events per second of an asynchronous piece of work. */
export async function rate(events, work) {
  const started = performance.now();
  await work();
  return events / ((performance.now() - started) / 1000);
}

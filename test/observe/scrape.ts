import type { Registry } from 'prom-client';

export interface Scrape {
  /** The value of the series that has at least these labels; `undefined` when there is none. */
  readonly value: (name: string, labels?: Record<string, string>) => number | undefined;
  /** The sum over all series that have at least these labels. */
  readonly sum: (name: string, labels?: Record<string, string>) => number;
  /** Names of the metrics, those without series included. */
  readonly names: readonly string[];
  /** Every value that a label has. */
  readonly labelValues: (name: string, label: string) => string[];
}

interface Sample {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

/** Reads the text that Prometheus gets. */
export async function scrape(registry: Pick<Registry, 'metrics'>): Promise<Scrape> {
  return readExposition(await registry.metrics());
}

export function readExposition(text: string): Scrape {
  const lines = text.split('\n');
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#')).map(sampleOf);
  const matching = (name: string, labels: Record<string, string> = {}) =>
    samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
  return {
    names: lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []),
    value: (name, labels) => matching(name, labels)[0]?.value,
    sum: (name, labels) => matching(name, labels).reduce((sum, { value }) => sum + value, 0),
    labelValues: (name, label) => [...new Set(matching(name).map(({ labels }) => labels[label] ?? ''))],
  };
}

function sampleOf(line: string): Sample {
  const [, name = '', labels = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [
    label,
    text,
  ]);
  return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
}

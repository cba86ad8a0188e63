// How a process of a benchmark is watched: by nobody, by Prometheus, or by OpenTelemetry.
import { NodeTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { Registry } from 'prom-client';
import { OutboxOpenTelemetryModule } from '../../dist/lib/observe/opentelemetry/index.js';
import { OutboxPrometheusModule } from '../../dist/lib/observe/prometheus/index.js';

/** More often than anybody does, so that it happens within a measurement. */
const SCRAPE_INTERVAL = 1_000;

/** The modules for it. What it needs besides is running. */
export function observing(how) {
  if (how === 'metrics') return [scrapedModule()];
  if (how === 'tracing') return [tracedModule()];
  if (how === 'span') registerTracing();
  return [];
}

function scrapedModule() {
  const registry = new Registry();
  const scrape = () => setTimeout(() => void registry.metrics().finally(scrape), SCRAPE_INTERVAL).unref();
  scrape();
  return OutboxPrometheusModule.forRoot({ registry });
}

function tracedModule() {
  registerTracing();
  return OutboxOpenTelemetryModule.forRoot({ metrics: false });
}

/** Every span is made and handed over; where to is not ours to measure. */
function registerTracing() {
  const exporter = {
    export: (_spans, done) => done({ code: 0 }),
    shutdown: () => Promise.resolve(),
  };
  const spanProcessors = [new BatchSpanProcessor(exporter, { maxQueueSize: 100_000 })];
  new NodeTracerProvider({ spanProcessors }).register();
}

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/**
 * Registers OpenTelemetry if it is told where to send traces (`OTEL_EXPORTER_OTLP_ENDPOINT`). Import it before anything
 * else: what is loaded first is not instrumented. The names of the variables are OpenTelemetry's own.
 */
function startTracing(env: NodeJS.ProcessEnv): NodeTracerProvider | undefined {
  if (!env.OTEL_EXPORTER_OTLP_ENDPOINT) return undefined;
  env.OTEL_SERVICE_NAME ||= 'shop';
  const provider = new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  // Each of them is at work from here on.
  void [new HttpInstrumentation({ ignoreIncomingRequestHook: isProbe }), new PgInstrumentation()];
  return provider;
}

const isProbe = ({ url = '' }: { url?: string }) => /^\/(health|metrics|live)/.test(url);

const provider = startTracing(process.env);

/** Sends what is left. */
export async function stopTracing(): Promise<void> {
  await provider?.shutdown();
}

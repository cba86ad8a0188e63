import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ExportedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly scope: string;
}

interface ExportRequest {
  resourceSpans: Array<{
    scopeSpans: Array<{ scope: { name: string }; spans: Array<Omit<ExportedSpan, 'scope'>> }>;
  }>;
}

/** An OpenTelemetry collector that keeps the spans it is sent (OTLP over HTTP, as JSON). */
export async function startCollector() {
  const spans: ExportedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest;
      for (const { scopeSpans } of resourceSpans)
        for (const { scope, spans: exported } of scopeSpans)
          for (const span of exported) spans.push({ ...span, scope: scope.name });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

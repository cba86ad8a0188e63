import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpException, type INestApplicationContext } from '@nestjs/common';
import { Registry } from 'prom-client';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';

/** `/metrics` and `/health` of a process that serves nothing else. */
export class MonitoringServer {
  private constructor(private readonly server: Server) {}

  static async listen(app: INestApplicationContext, port: number): Promise<MonitoringServer> {
    const [metrics, health] = [app.get(MetricsController), app.get(HealthController)];
    const server = createServer((request, response) => {
      if (request.url === '/metrics')
        void answer(response, Registry.PROMETHEUS_CONTENT_TYPE, () => metrics.read());
      else if (request.url === '/health')
        void answer(response, 'application/json', async () => JSON.stringify(await health.check()));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve));
    return new MonitoringServer(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

async function answer(response: ServerResponse, type: string, read: () => Promise<string>): Promise<void> {
  try {
    const text = await read();
    response.writeHead(200, { 'content-type': type }).end(text);
  } catch (error) {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    const said = error instanceof HttpException ? JSON.stringify(error.getResponse()) : '';
    response.writeHead(status, { 'content-type': 'application/json' }).end(said);
  }
}

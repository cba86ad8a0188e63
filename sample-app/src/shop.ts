import { Logger, ValidationPipe, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { StartError, type Config } from './config.js';
import { ShopLogger } from './logger.js';
import { MonitoringServer } from './monitoring/monitoring-server.js';
import { servePage } from './page/serve-page.js';
import { Servers } from './servers.js';
import { ShopModule } from './shop.module.js';

export interface Shop {
  close(): Promise<void>;
}

export async function startShop(config: Config): Promise<Shop> {
  const logger = new ShopLogger();
  Logger.overrideLogger(logger);
  const servers = await Servers.start(config);
  try {
    const app = await (servesHttp(config) ? startHttp(config, servers) : startBackground(config, servers));
    const monitoring = await monitor(app, config);
    return {
      close: async () => {
        await monitoring?.close();
        await stop(app, servers);
      },
    };
  } catch (error) {
    await servers.close();
    throw error;
  }
}

function servesHttp({ role }: Config): boolean {
  return role === 'all' || role === 'api';
}

async function startHttp(config: Config, servers: Servers): Promise<INestApplicationContext> {
  const app = await NestFactory.create<NestExpressApplication>(ShopModule.for(config, servers), {
    abortOnError: false,
    // Pages that watch the live stream would otherwise hold the shutdown up until they are closed.
    forceCloseConnections: true,
  });
  servePage(app);
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
  try {
    await app.listen(config.port);
  } catch (error) {
    await app.close();
    throw explainListen(error, config.port);
  }
  new Logger('Shop').log(`Shop on http://localhost:${listeningPort(app)}`);
  return app;
}

async function startBackground(config: Config, servers: Servers): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(ShopModule.for(config, servers), {
    abortOnError: false,
  });
  new Logger('Shop').log(config.role === 'relay' ? 'Relay is publishing' : 'Worker is consuming');
  return app;
}

/** A process with a page answers beside it. */
async function monitor(app: INestApplicationContext, config: Config): Promise<MonitoringServer | undefined> {
  const { monitoringPort } = config;
  if (servesHttp(config) || monitoringPort === undefined) return undefined;
  const server = await MonitoringServer.listen(app, monitoringPort).catch(async (error: unknown) => {
    await app.close();
    throw explainListen(error, monitoringPort);
  });
  new Logger('Shop').log(`Monitoring on http://localhost:${server.port}`);
  return server;
}

/** The embedded servers go last: the relay and the consumers still need them to finish what they hold. */
async function stop(app: INestApplicationContext, servers: Servers): Promise<void> {
  await app.close();
  await servers.close();
}

function listeningPort(app: NestExpressApplication): number {
  const address: unknown = app.getHttpServer().address();
  return (address as { port: number }).port;
}

function explainListen(error: unknown, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return new StartError(
      `Port ${port} is in use. Stop what listens there, or choose another: PORT=${port + 1} npm start`,
    );
  if (code === 'EACCES')
    return new StartError(
      `Port ${port} may not be used by this user. Choose one above 1023, such as PORT=3000.`,
    );
  return error;
}

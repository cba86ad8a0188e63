import { Module, type DynamicModule, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Role } from '../config.js';
import type { Servers } from '../servers.js';
import { WarehouseModule } from '../warehouse/warehouse.module.js';
import { LiveController, RUNS_ON } from './live.controller.js';
import { Live } from './live.js';
import { runsOn } from './runs-on.js';
import { SnapshotReader } from './snapshot.js';

@Module({})
export class LiveModule implements NestModule {
  constructor(private readonly live: Live) {}

  static for(role: Role, servers: Servers): DynamicModule {
    return {
      module: LiveModule,
      imports: [WarehouseModule],
      controllers: [LiveController],
      providers: [Live, SnapshotReader, { provide: RUNS_ON, useValue: runsOn(role, servers) }],
    };
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(this.nudgeAfterWrites).forRoutes('*path');
  }

  private readonly nudgeAfterWrites = (
    request: IncomingMessage,
    response: ServerResponse,
    next: () => void,
  ): void => {
    if (request.method !== 'GET') response.once('finish', () => this.live.nudge());
    next();
  };
}

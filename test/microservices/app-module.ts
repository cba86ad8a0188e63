import type { DynamicModule, Provider, Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OutboxModule, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { OutboxTransportStrategy } from 'nestjs-rabbitmq-outbox/microservices';
import { outboxOptions, type Playground } from '../support/outbox-app.js';

/** An application as a user writes it, for `NestFactory`. */
export function appModule(
  playground: Playground,
  {
    options,
    name,
    controllers,
    providers = [OutboxTransportStrategy],
  }: { options?: Partial<OutboxOptions>; name?: string; controllers: Type[]; providers?: Provider[] },
): DynamicModule {
  class AppModule {}
  return {
    module: AppModule,
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url: playground.databaseUrl,
        schema: playground.name,
        autoLoadEntities: true,
        retryAttempts: 0,
      }),
      OutboxModule.forRoot({
        ...outboxOptions(playground, { relay: { enabled: false }, ...options }),
        ...(name !== undefined && { name }),
      }),
    ],
    controllers,
    providers,
  };
}

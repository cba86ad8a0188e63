/** What a user’s first program looks like. Compiled and run against the packed tarball, in several module systems. */
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type EventContext, OnEvent, OutboxModule, OutboxService } from 'nestjs-rabbitmq-outbox';
import { startEmbeddedBroker } from 'nestjs-rabbitmq-outbox/testing';
import { DataSource } from 'typeorm';

const { DATABASE_URL = '', RABBITMQ_URL = '', NAME = '' } = process.env;

@Injectable()
class Greeter {
  private greet: (greeting: string) => void = () => undefined;
  readonly greeted = new Promise<string>((resolve) => (this.greet = resolve));

  @OnEvent('user.*', { retry: false })
  handle(user: { name: string }, context: EventContext): void {
    this.greet(`Hello, ${user.name}: ${context.type}`);
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL, schema: NAME, autoLoadEntities: true }),
    OutboxModule.forRoot({
      service: NAME,
      rabbitmq: { url: RABBITMQ_URL, exchange: NAME },
      storage: { schema: NAME },
    }),
  ],
  providers: [Greeter],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { abortOnError: false, logger: false });
  await app
    .get(DataSource)
    .transaction((manager) => app.get(OutboxService).emit(manager, 'user.created', { name: 'Ada' }));
  console.log(await app.get(Greeter).greeted);
  console.log(typeof startEmbeddedBroker);
  await app.close();
}

void main();

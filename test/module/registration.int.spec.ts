import { Inject, Injectable, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  InboxEntity,
  InvalidOptionError,
  OutboxEventEntity,
  OutboxModule,
  OutboxRelay,
  OutboxService,
  SchemaOutdatedError,
  type OutboxOptions,
  type OutboxOptionsFactory,
} from 'nestjs-rabbitmq-outbox';
import { DataSource, type Repository } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { createPlayground, eventually, outboxOptions, type Playground } from '../support/outbox-app.js';

let playground: Playground;
let app: TestingModule | undefined;
let dataSources: DataSource[] = [];

beforeAll(async () => {
  playground = await createPlayground();
});
afterAll(() => playground?.close());
afterEach(async () => {
  await app?.close();
  app = undefined;
  // A start that fails ends what is the outbox's own; the data source is the application's.
  for (const dataSource of dataSources) if (dataSource.isInitialized) await dataSource.destroy();
  dataSources = [];
  await playground.sql(
    `DO $$ DECLARE t record; BEGIN
      FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '${playground.name}' LOOP
        EXECUTE format('DROP TABLE ${playground.name}.%I', t.tablename);
      END LOOP;
    END $$`,
  );
});

type TypeOrmOptions = Partial<PostgresDataSourceOptions> & { name?: string; autoLoadEntities?: boolean };

const typeOrm = ({ name, ...options }: TypeOrmOptions = {}) =>
  TypeOrmModule.forRootAsync({
    name,
    useFactory: () => ({
      type: 'postgres',
      url: playground.databaseUrl,
      schema: playground.name,
      autoLoadEntities: true,
      retryAttempts: 0,
      ...options,
    }),
    dataSourceFactory: async (all) => {
      const dataSource = await new DataSource(all!).initialize();
      dataSources.push(dataSource);
      return dataSource;
    },
  });

async function boot(...imports: Array<DynamicModule | Type>): Promise<TestingModule> {
  app = await Test.createTestingModule({ imports }).setLogger(silent).compile();
  await app.init();
  return app;
}

const silent = { log() {}, error() {}, warn() {}, debug() {}, verbose() {} };

/** Emits one event and waits until the outbox of this app has published it. */
async function expectWorking(running: TestingModule): Promise<void> {
  const dataSource = running.get(DataSource);
  const id = await dataSource.transaction((manager) =>
    running.get(OutboxService).emit(manager, 'order.placed', {}),
  );
  await eventually(async () => {
    const [row] = await playground.sql(`SELECT state FROM ${playground.name}.outbox WHERE id = $1`, [id]);
    return row?.['state'] === 'published';
  });
}

@Injectable()
class Settings {
  readonly options = outboxOptions(playground);
}

@Injectable()
class OptionsFromSettings implements OutboxOptionsFactory {
  constructor(@Inject(Settings) private readonly settings: Settings) {}

  createOutboxOptions(): Promise<OutboxOptions> {
    return Promise.resolve(this.settings.options);
  }
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Module({
  imports: [SettingsModule],
  providers: [OptionsFromSettings],
  exports: [OptionsFromSettings],
})
class FactoryModule {}

describe('OutboxModule', () => {
  test('forRoot() works', async () => {
    await expectWorking(await boot(typeOrm(), OutboxModule.forRoot(outboxOptions(playground))));
  });

  test('forRootAsync() takes a factory with injected dependencies', async () => {
    const module = OutboxModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: (settings: Settings) => Promise.resolve(settings.options),
    });
    await expectWorking(await boot(typeOrm(), module));
  });

  test('forRootAsync() makes a factory of a class', async () => {
    const module = OutboxModule.forRootAsync({ imports: [SettingsModule], useClass: OptionsFromSettings });
    await expectWorking(await boot(typeOrm(), module));
  });

  test('forRootAsync() uses a factory that exists', async () => {
    const module = OutboxModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFromSettings });
    await expectWorking(await boot(typeOrm(), module));
  });

  test('forRootAsync() without any of the three is refused', () => {
    expect(() => OutboxModule.forRootAsync({})).toThrow(InvalidOptionError);
    expect(() => OutboxModule.forRootAsync({})).toThrow('needs useFactory, useClass or useExisting');
  });

  test('options from a factory are checked like any', async () => {
    const module = OutboxModule.forRootAsync({
      useFactory: () => ({ ...outboxOptions(playground), retention: 'for ever' }),
    });
    await expect(boot(typeOrm(), module)).rejects.toThrow('retention must be a duration such as');
  });

  test('a data source named by the factory is refused, because by then it has been chosen', async () => {
    const module = OutboxModule.forRootAsync({
      useFactory: () => outboxOptions(playground, { storage: { dataSource: 'other' } }),
    });
    await expect(boot(typeOrm(), module)).rejects.toThrow(
      "storage.dataSource must be given beside the factory, as forRootAsync({ dataSource: 'other', … })",
    );
  });

  test.each(['forRoot', 'forRootAsync'])('%s() uses the data source it is told to', async (how) => {
    const options = outboxOptions(playground, { storage: { dataSource: 'second' } });
    const module =
      how === 'forRoot'
        ? OutboxModule.forRoot(options)
        : OutboxModule.forRootAsync({ dataSource: 'second', useFactory: () => outboxOptions(playground) });
    const running = await boot(typeOrm({ schema: 'public' }), typeOrm({ name: 'second' }), module);
    const second = running.get<DataSource>('secondDataSource');
    const emit = (dataSource: DataSource) =>
      dataSource.transaction((manager) => running.get(OutboxService).emit(manager, 'order.placed', {}));
    await emit(second);
    await expect(emit(running.get(DataSource))).rejects.toThrow(
      'another data source than this outbox ("second")',
    );
  });

  test('is global, so that every module can emit', async () => {
    @Injectable()
    class Orders {
      constructor(@Inject(OutboxService) readonly outbox: OutboxService) {}
    }
    @Module({ providers: [Orders] })
    class OrdersModule {}
    const running = await boot(typeOrm(), OutboxModule.forRoot(outboxOptions(playground)), OrdersModule);
    expect(running.get(Orders, { strict: false }).outbox).toBe(running.get(OutboxService));
  });

  test('is not global when told so', async () => {
    @Injectable()
    class Orders {
      constructor(@Inject(OutboxService) readonly outbox: OutboxService) {}
    }
    @Module({ providers: [Orders] })
    class OrdersModule {}
    const local = { ...outboxOptions(playground), isGlobal: false };
    await expect(boot(typeOrm(), OutboxModule.forRoot(local), OrdersModule)).rejects.toThrow(
      "Nest can't resolve dependencies of the Orders",
    );
  });

  test('lets its tables be read through their repositories', async () => {
    const running = await boot(typeOrm(), OutboxModule.forRoot(outboxOptions(playground)));
    await expectWorking(running);
    const events = running.get<Repository<OutboxEventEntity>>(getRepositoryToken(OutboxEventEntity));
    const inbox = running.get<Repository<InboxEntity>>(getRepositoryToken(InboxEntity));
    expect(await events.find()).toEqual([
      expect.objectContaining({ type: 'order.placed', state: 'published' }),
    ]);
    expect(await inbox.count()).toBe(0);
  });

  test('works in an app that lists its entities itself and has none of ours', async () => {
    await expectWorking(
      await boot(
        typeOrm({ autoLoadEntities: false, entities: [] }),
        OutboxModule.forRoot(outboxOptions(playground)),
      ),
    );
  });

  test('puts its tables into the schema of the data source unless told otherwise', async () => {
    const running = await boot(
      typeOrm(),
      OutboxModule.forRoot(outboxOptions(playground, { storage: { schema: undefined } })),
    );
    await expectWorking(running);
    const events = running.get<Repository<OutboxEventEntity>>(getRepositoryToken(OutboxEventEntity));
    expect(await events.count()).toBe(1);
  });

  test('with storage.migrate off does not start over missing tables, and says what to do', async () => {
    const starting = boot(
      typeOrm(),
      OutboxModule.forRoot(outboxOptions(playground, { storage: { migrate: false } })),
    );
    await expect(starting).rejects.toBeInstanceOf(SchemaOutdatedError);
    await expect(starting).rejects.toThrow('add `outboxMigrations` to the `migrations`');
  });

  test('that only writes needs no broker at all', async () => {
    const options = outboxOptions(playground, {
      relay: { enabled: false },
      rabbitmq: { url: 'amqp://127.0.0.1:1' },
    });
    const running = await boot(typeOrm(), OutboxModule.forRoot(options));
    await running
      .get(DataSource)
      .transaction((manager) => running.get(OutboxService).emit(manager, 'order.placed', {}));
    expect(await running.get(OutboxRelay).stats()).toMatchObject({ pending: 1, brokerReady: false });
  });

  test('starts while the broker is down: the outbox exists for that', async () => {
    const options = outboxOptions(playground, { rabbitmq: { url: 'amqp://127.0.0.1:1' } });
    const running = await boot(typeOrm(), OutboxModule.forRoot(options));
    await running
      .get(DataSource)
      .transaction((manager) => running.get(OutboxService).emit(manager, 'order.placed', {}));
    expect(await running.get(OutboxRelay).stats()).toMatchObject({
      pending: 1,
      retrying: 0,
      brokerReady: false,
    });
  });

  test('can be started and closed again and again in one process', async () => {
    for (let round = 0; round < 3; round++) {
      const running = await boot(typeOrm(), OutboxModule.forRoot(outboxOptions(playground)));
      await expectWorking(running);
      await running.close();
      app = undefined;
    }
  });
});

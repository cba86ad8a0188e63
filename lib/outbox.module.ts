import {
  Inject,
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type ExistingProvider,
  type FactoryProvider,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type Type,
} from '@nestjs/common';
import {
  DiscoveryModule,
  DiscoveryService,
  ExternalContextCreator,
  MetadataScanner,
  ModuleRef,
} from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { OutboxTopology } from './broker/rabbitmq/outbox-topology.js';
import { HandlerExplorer } from './consume/explorer.js';
import { assertAgreeing, assertDisjoint, assertNewQueues } from './consume/handler-checks.js';
import { HandlerIntake } from './consume/handler-intake.js';
import { handlerQueues, type Handler } from './consume/handler.js';
import { Invoker } from './consume/invoker.js';
import { requestFor } from './consume/queue-consumer.js';
import { announceGlobalGuards } from './consume/nest-contexts.js';
import { OutboxConsumers } from './consume/outbox-consumers.js';
import { OutboxEventPublisher } from './emit/outbox-event-publisher.js';
import { InvalidOptionError } from './errors/invalid-option.error.js';
import type { OutboxOptions } from './options/options.js';
import { resolveOptions } from './options/resolve-options.js';
import type { ResolvedOptions } from './options/schema.js';
import { assemble, close, halt, start, startConsuming, type OutboxParts } from './outbox.assembly.js';
import {
  DEFAULT_OUTBOX,
  getDeadLettersToken,
  getHandlerIntakeToken,
  getObservedOutboxToken,
  getOutboxConsumersToken,
  getOutboxDoctorToken,
  getOutboxEventPublisherToken,
  getOutboxLifecycleToken,
  getOutboxRelayToken,
  getOutboxToken,
  getOutboxTopologyToken,
} from './outbox.tokens.js';
import { OutboxLifecycle } from './lifecycle/outbox-lifecycle.js';
import { ObservedOutbox } from './observe/observed-outbox.js';
import { namedRegistry } from './relay/jobs.js';
import { InboxEntity, OutboxEventEntity } from './store/entities.js';

/** Makes the options when they depend on other providers. */
export interface OutboxOptionsFactory {
  createOutboxOptions(): OutboxOptions | Promise<OutboxOptions>;
}

export interface OutboxAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  inject?: FactoryProvider['inject'];
  useFactory?: (...dependencies: never[]) => OutboxOptions | Promise<OutboxOptions>;
  useClass?: Type<OutboxOptionsFactory>;
  useExisting?: Type<OutboxOptionsFactory>;
  /** The TypeORM data source the tables live in; it shapes the module, so it stands here. Default `'default'`. */
  dataSource?: string;
  /** As in `forRoot()`. */
  name?: string;
  /** As in `forRoot()`. */
  isGlobal?: boolean;
}

/** What shapes the module; everything else may come from a factory. */
export interface OutboxModuleExtras {
  /**
   * Tells several outboxes of an application apart: `@InjectOutbox(name)`, `@OnEvent(…, { outbox: name })`. Each needs
   * a data source of its own, or tables of its own in one. Default: none, injected by class.
   */
  name?: string;
  /** Whether `OutboxService` can be injected everywhere. Default `true`. */
  isGlobal?: boolean;
}

const OPTIONS = Symbol('nestjs-rabbitmq-outbox:options');
const NAME = Symbol('nestjs-rabbitmq-outbox:name');
const INTAKE = Symbol('nestjs-rabbitmq-outbox:intake');
const PARTS = Symbol('nestjs-rabbitmq-outbox:parts');

const requestsOf = (intake: HandlerIntake) => handlerQueues(intake.known()).map(requestFor);

/** @throws {InvalidHandlerError} for two handlers that would share an event */
function disjoint(handlers: readonly Handler[]): readonly Handler[] {
  assertAgreeing(handlers);
  assertDisjoint(handlers);
  return handlers;
}

/** The transactional outbox. Import it once, with `forRoot()` or `forRootAsync()`. */
@Module({})
export class OutboxModule implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private started: readonly Handler[] = [];

  static forRoot(options: OutboxOptions & OutboxModuleExtras): DynamicModule {
    const { name, isGlobal, ...given } = options;
    const provider = { provide: OPTIONS, useFactory: () => resolveOptions(given) };
    return moduleOf({ dataSource: given.storage?.dataSource, name, isGlobal }, [provider]);
  }

  static forRootAsync(options: OutboxAsyncOptions): DynamicModule {
    const { dataSource = 'default', name, isGlobal, imports = [], useClass } = options;
    const provider = { provide: OPTIONS, ...optionsFactory(options, dataSource) };
    const providers = useClass ? [{ provide: useClass, useClass }, provider] : [provider];
    const module = moduleOf({ dataSource, name, isGlobal }, providers);
    return { ...module, imports: [...(module.imports ?? []), ...imports] };
  }

  constructor(
    @Inject(NAME) private readonly name: string,
    @Inject(PARTS) private readonly parts: OutboxParts,
    @Inject(INTAKE) private readonly intake: HandlerIntake,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly moduleRef: ModuleRef,
    private readonly contexts: ExternalContextCreator,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    try {
      const found = this.handlers();
      this.intake.find(found);
      if (this.parts.options.idle) return;
      const brought = this.intake.open((late) => this.startLate(late));
      this.started = disjoint([...found, ...brought]);
      if (this.parts.options.consumers.enabled)
        this.parts.rollCall.expect(handlerQueues(this.intake.known()));
      await start(this.parts, this.started);
    } catch (error) {
      // Nest calls no shutdown hook after a failed start: open connections would keep the process alive.
      await this.onModuleDestroy();
      await this.beforeApplicationShutdown();
      throw error;
    }
  }

  async onModuleDestroy(): Promise<void> {
    await halt(this.parts);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await close(this.parts);
  }

  /** Those of a microservice that listens after the application has started. */
  private async startLate(late: readonly Handler[]): Promise<void> {
    assertNewQueues(late, this.started);
    this.started = disjoint([...this.started, ...late]);
    await startConsuming(this.parts, late);
  }

  private handlers(): Handler[] {
    const { service, consumers, idle } = this.parts.options;
    if (!consumers.enabled && !idle) return [];
    const { enhancers } = consumers;
    const defaults = { ...consumers, service, outbox: this.name, outboxes: this.outboxes() };
    const logger = new Logger('OutboxConsumers');
    const invoker = new Invoker(this.contexts, this.moduleRef, enhancers);
    const handlers = new HandlerExplorer(this.discovery, this.scanner, invoker, defaults, logger).explore();
    if (handlers.length > 0 && enhancers.guards) announceGlobalGuards(this.contexts, logger);
    return handlers;
  }

  /** Names of all outboxes of the application. */
  private outboxes(): string[] {
    const names = this.discovery.getProviders().filter(({ token }) => token === NAME);
    return names.map(({ instance }) => instance as string);
  }
}

type Provider = NonNullable<DynamicModule['providers']>[number];

interface Shape {
  readonly dataSource: string | undefined;
  readonly name: string | undefined;
  readonly isGlobal: boolean | undefined;
}

function moduleOf(
  { dataSource = 'default', name = DEFAULT_OUTBOX, isGlobal = true }: Shape,
  options: Provider[],
): DynamicModule {
  const exported: Array<FactoryProvider<unknown> | ExistingProvider<unknown>> = [
    { provide: getOutboxToken(name), inject: [PARTS], useFactory: ({ service }: OutboxParts) => service },
    { provide: getOutboxRelayToken(name), inject: [PARTS], useFactory: ({ relay }: OutboxParts) => relay },
    {
      provide: getOutboxConsumersToken(name),
      inject: [PARTS],
      useFactory: ({ consumers, lifecycle }: OutboxParts) =>
        new OutboxConsumers(consumers, consumers.parking, lifecycle),
    },
    {
      provide: getOutboxLifecycleToken(name),
      inject: [PARTS],
      useFactory: ({ lifecycle }: OutboxParts) => new OutboxLifecycle(lifecycle),
    },
    {
      provide: getDeadLettersToken(name),
      inject: [PARTS],
      useFactory: ({ deadLetters }: OutboxParts) => deadLetters,
    },
    {
      provide: getOutboxDoctorToken(name),
      inject: [PARTS, INTAKE],
      useFactory: ({ doctorFor }: OutboxParts, intake: HandlerIntake) => doctorFor(() => requestsOf(intake)),
    },
    { provide: getHandlerIntakeToken(name), useExisting: INTAKE },
    {
      provide: getOutboxTopologyToken(name),
      inject: [PARTS, INTAKE],
      useFactory: ({ broker, topology }: OutboxParts, intake: HandlerIntake) =>
        new OutboxTopology(
          topology,
          () => requestsOf(intake),
          (asked) => broker.inspect(asked),
        ),
    },
    {
      provide: getObservedOutboxToken(name),
      inject: [PARTS],
      useFactory: (parts: OutboxParts) => new ObservedOutbox(name, parts),
    },
    {
      provide: getOutboxEventPublisherToken(name),
      inject: [PARTS],
      useFactory: ({ service }: OutboxParts) => new OutboxEventPublisher(service),
    },
  ];
  return {
    module: OutboxModule,
    global: isGlobal,
    imports: [DiscoveryModule, TypeOrmModule.forFeature([OutboxEventEntity, InboxEntity], dataSource)],
    providers: [
      ...options,
      { provide: NAME, useValue: name },
      {
        provide: INTAKE,
        inject: [OPTIONS, DiscoveryService, MetadataScanner],
        useFactory: (
          { service, consumers }: ResolvedOptions,
          discovery: DiscoveryService,
          scanner: MetadataScanner,
        ) => new HandlerIntake(service, consumers, discovery, scanner),
      },
      {
        provide: PARTS,
        // The application's registry if it has one. Importing ScheduleModule here would run its cron jobs twice.
        inject: [OPTIONS, getDataSourceToken(dataSource), { token: SchedulerRegistry, optional: true }],
        useFactory: (resolved: ResolvedOptions, source: DataSource, registry?: SchedulerRegistry) =>
          assemble(
            name,
            resolved,
            source,
            registry && name !== DEFAULT_OUTBOX ? namedRegistry(registry, name) : registry,
          ),
      },
      ...exported,
    ],
    exports: [...exported.map(({ provide }) => provide), TypeOrmModule],
  };
}

function optionsFactory(
  options: OutboxAsyncOptions,
  dataSource: string,
): Pick<FactoryProvider, 'inject' | 'useFactory'> {
  const { useFactory, inject = [], useClass, useExisting } = options;
  const resolve = (given: OutboxOptions) => resolveAsync(given, dataSource);
  if (useFactory) {
    const make = useFactory as (...dependencies: unknown[]) => OutboxOptions | Promise<OutboxOptions>;
    return { inject, useFactory: async (...dependencies: unknown[]) => resolve(await make(...dependencies)) };
  }
  const factory = useClass ?? useExisting;
  if (!factory) throw new InvalidOptionError(['forRootAsync() needs useFactory, useClass or useExisting']);
  return {
    inject: [factory],
    useFactory: async (made: OutboxOptionsFactory) => resolve(await made.createOutboxOptions()),
  };
}

/** The name decides which data source is injected, so it must be known before the factory runs. */
function resolveAsync(given: OutboxOptions, dataSource: string): ResolvedOptions {
  const named = given.storage?.dataSource;
  if (named !== undefined && named !== dataSource) {
    throw new InvalidOptionError([
      `storage.dataSource must be given beside the factory, as forRootAsync({ dataSource: '${named}', … }), got it from the factory`,
    ]);
  }
  return resolveOptions({ ...given, storage: { ...given.storage, dataSource } });
}

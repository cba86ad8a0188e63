import { Inject, type InjectionToken } from '@nestjs/common';
import { DeadLetters } from './admin/dead-letters/dead-letters.js';
import { OutboxDoctor } from './admin/doctor/doctor.js';
import { OutboxTopology } from './broker/rabbitmq/outbox-topology.js';
import { HandlerIntake } from './consume/handler-intake.js';
import { OutboxConsumers } from './consume/outbox-consumers.js';
import { OutboxEventPublisher } from './emit/outbox-event-publisher.js';
import { OutboxService } from './emit/outbox.service.js';
import { OutboxLifecycle } from './lifecycle/outbox-lifecycle.js';
import { ObservedOutbox } from './observe/observed-outbox.js';
import { OutboxRelay } from './relay/relay.js';

/** Name of an instance that was given none. */
export const DEFAULT_OUTBOX = 'default';

/** The class itself for the default instance, so that it is injected by its type. */
export const tokenOf = (part: { name: string }, name: string = DEFAULT_OUTBOX): InjectionToken =>
  name === DEFAULT_OUTBOX ? (part as unknown as InjectionToken) : `${name}${part.name}`;

/** What `OutboxService` of the instance `name` is injected by: the class itself for the default one. */
export const getOutboxToken = (name: string = DEFAULT_OUTBOX): InjectionToken => tokenOf(OutboxService, name);

export const getOutboxRelayToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(OutboxRelay, name);

export const getOutboxEventPublisherToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(OutboxEventPublisher, name);

export const getOutboxConsumersToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(OutboxConsumers, name);

export const getOutboxLifecycleToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(OutboxLifecycle, name);

export const getDeadLettersToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(DeadLetters, name);

export const getOutboxDoctorToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(OutboxDoctor, name);

export const getOutboxTopologyToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(OutboxTopology, name);

/** For the face that brings handlers; not part of what users import. */
export const getHandlerIntakeToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(HandlerIntake, name);

/** For the faces that observe; not part of what users import. */
export const getObservedOutboxToken = (name: string = DEFAULT_OUTBOX): InjectionToken =>
  tokenOf(ObservedOutbox, name);

/** Injects `OutboxService` of a named instance. */
export const InjectOutbox = (name?: string): ParameterDecorator => Inject(getOutboxToken(name));

/** Injects `OutboxRelay` of a named instance. */
export const InjectOutboxRelay = (name?: string): ParameterDecorator => Inject(getOutboxRelayToken(name));

/** Injects `OutboxConsumers` of a named instance. */
export const InjectOutboxConsumers = (name?: string): ParameterDecorator =>
  Inject(getOutboxConsumersToken(name));

/** Injects `OutboxLifecycle` of a named instance. */
export const InjectOutboxLifecycle = (name?: string): ParameterDecorator =>
  Inject(getOutboxLifecycleToken(name));

/** Injects `OutboxEventPublisher` of a named instance. */
export const InjectOutboxEventPublisher = (name?: string): ParameterDecorator =>
  Inject(getOutboxEventPublisherToken(name));

/** Injects `DeadLetters` of a named instance. */
export const InjectDeadLetters = (name?: string): ParameterDecorator => Inject(getDeadLettersToken(name));

/** Injects `OutboxDoctor` of a named instance. */
export const InjectOutboxDoctor = (name?: string): ParameterDecorator => Inject(getOutboxDoctorToken(name));

import { Inject, Injectable, type FactoryProvider } from '@nestjs/common';
import { Server, type MessageHandler } from '@nestjs/microservices';
import type { HandlerIntake } from '../consume/handler-intake.js';
import { getHandlerIntakeToken } from '../outbox.tokens.js';
import { EventMethods, foreseen } from './event-methods.js';
import { witnessFailures } from './known-failure.js';
import { CallbackNames, OUTBOX_TRANSPORT, patternMethods, type PatternMethod } from './pattern-methods.js';

/**
 * Lets `@EventPattern()` methods of controllers consume events by the queues, retries and dead letters of the outbox:
 *
 *     app.connectMicroservice({ strategy: app.get(OutboxTransportStrategy) });
 *     await app.startAllMicroservices();
 *
 * A provider of a module that imports `OutboxModule`. Guards, pipes, interceptors and filters of the microservice apply.
 */
@Injectable()
export class OutboxTransportStrategy extends Server {
  override readonly transportId = OUTBOX_TRANSPORT;
  private readonly names: CallbackNames;
  private readonly methods = new EventMethods();

  constructor(@Inject(getHandlerIntakeToken()) private readonly intake: HandlerIntake) {
    super();
    const methods = patternMethods(intake.controllerMethods());
    for (const { method } of methods) witnessFailures(method);
    this.names = new CallbackNames(methods);
    const ours = ({ transport }: PatternMethod) => transport === undefined || transport === OUTBOX_TRANSPORT;
    intake.foresee(foreseen(methods.filter(ours)));
  }

  /** The strategy of the outbox `name`, as a provider under the token it returns. */
  static forOutbox(name: string): FactoryProvider<OutboxTransportStrategy> {
    return {
      provide: `${name}${OutboxTransportStrategy.name}`,
      inject: [getHandlerIntakeToken(name)],
      useFactory: (intake: HandlerIntake) => new OutboxTransportStrategy(intake),
    };
  }

  /** Nest calls it for each pattern of each method. Requests (`@MessagePattern()`) are for other transports. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    if (!isEventHandler) return;
    const method = this.names.methodOf(extras, pattern);
    if (typeof pattern === 'string') this.methods.add(method, pattern, callback);
    else
      this.logger.warn(
        `${method.name} is not consumed: types of events are strings, not ${JSON.stringify(pattern)}.`,
      );
  }

  /** Consumes from here on; in an application that has not started yet, from its start on. */
  override async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      await this.intake.bring(this.methods.handlers());
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  /** The outbox ends its consumers itself, with the application. */
  override close(): void {}

  override on(): never {
    throw new Error('OutboxTransportStrategy has no events: inject OutboxLifecycle instead.');
  }

  override unwrap(): never {
    throw new Error('OutboxTransportStrategy has nothing to unwrap: the connections belong to the outbox.');
  }
}

import type { MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { prototypeOf } from './handler-host.js';

/** Where `@nestjs/event-emitter` keeps its `@OnEvent()`. */
const EVENT_LISTENER = 'EVENT_LISTENER_METADATA';

/**
 * Methods with the `@OnEvent()` of `@nestjs/event-emitter` in an application without its module: nobody calls them, and
 * as a rule the import is wrong. What to tell of each.
 */
export function misplacedListeners(wrappers: readonly InstanceWrapper[], scanner: MetadataScanner): string[] {
  if (wrappers.some(({ host }) => host?.name === 'EventEmitterModule')) return [];
  return wrappers.flatMap((wrapper) => {
    const prototype = prototypeOf(wrapper);
    if (!prototype) return [];
    return scanner
      .getAllMethodNames(prototype)
      .filter((method) => Reflect.hasMetadata(EVENT_LISTENER, prototype[method] as object))
      .map(
        (method) =>
          `${prototype.constructor.name}.${method} has the @OnEvent() of @nestjs/event-emitter, whose module is not ` +
          `imported: nobody calls it. For events of the outbox import { OnEvent } from 'nestjs-rabbitmq-outbox'.`,
      );
  });
}

import {
  PATTERN_EXTRAS_METADATA,
  PATTERN_HANDLER_METADATA,
  PATTERN_METADATA,
  TRANSPORT_METADATA,
} from '@nestjs/microservices/constants.js';
import { PatternHandler } from '@nestjs/microservices/enums/pattern-handler.enum.js';
import type { ControllerMethod } from '../consume/handler-intake.js';

/** Tells this transport from others, as in `@EventPattern('order.placed', OUTBOX_TRANSPORT)`. */
export const OUTBOX_TRANSPORT = Symbol.for('nestjs-rabbitmq-outbox');

/** What is known of a method that Nest has registered. */
export interface KnownMethod {
  /** `Class.method`. */
  readonly name: string;
  readonly extras: object;
  /** The transport it is for; any, when it does not say. */
  readonly transport: unknown;
}

/** An `@EventPattern()` method of one controller. */
export interface PatternMethod extends KnownMethod {
  readonly method: object;
  /** Nest registers a callback for each. */
  readonly patterns: readonly unknown[];
}

export const patternMethods = (methods: readonly ControllerMethod[]): PatternMethod[] =>
  methods.flatMap(({ name, method }) => {
    if (Reflect.getMetadata(PATTERN_HANDLER_METADATA, method) !== PatternHandler.EVENT) return [];
    const extras = Reflect.getMetadata(PATTERN_EXTRAS_METADATA, method) as object;
    const patterns = Reflect.getMetadata(PATTERN_METADATA, method) as unknown[];
    const transport: unknown = Reflect.getMetadata(TRANSPORT_METADATA, method);
    return [{ name, method, extras, patterns, transport }];
  });

/**
 * Finds the method behind each callback that Nest registers. Nest does not name it, but hands on the very object that the
 * decorator has put on it; controllers that inherit a method share that object, and are registered in order.
 */
export class CallbackNames {
  private readonly open: Array<{ readonly method: PatternMethod; left: number }>;

  constructor(methods: readonly PatternMethod[]) {
    this.open = methods.map((method) => ({ method, left: method.patterns.length }));
  }

  methodOf(extras: object, pattern: unknown): KnownMethod {
    const found = this.open.find(({ method, left }) => left > 0 && method.extras === extras);
    if (!found) return { name: String(pattern), extras, transport: undefined };
    found.left -= 1;
    return found.method;
  }
}

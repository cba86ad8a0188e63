import type { StandardSchemaV1 } from '@standard-schema/spec';
import { eventDescription, type EventClass } from '../../event/outbox-event.decorator.js';
import { EventBatch } from '../batch/event-batch.js';
import { EventContext } from '../event-context.js';

/** In which form a handler wants the body: decoded by its content type, or as it came. */
export type PayloadForm = 'decoded' | 'bytes' | 'text';

/** A class whose instances a handler wants to be given. */
export type PayloadClass = new () => object;

/** What a handler asks its payload to be. */
export interface PayloadShape {
  readonly form: PayloadForm;
  readonly type: PayloadClass | undefined;
  readonly schema: StandardSchemaV1 | undefined;
}

/** What `@OnEvent()` says of the payload. */
export interface DeclaredPayload {
  readonly event: EventClass | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  /** Of a handler of batches, whose annotation can say no more than that it is a list: what it is a list of. */
  readonly listOf: PayloadClass | undefined;
}

/** Where Nest keeps `@Payload()` and `@Ctx()` (and its own param decorators). */
export const PARAMETERS = '__routeArguments__';

/** `RpcParamtype` of `@nestjs/microservices`: stock param decorators work on our handlers. */
export const PAYLOAD = 3;
export const CONTEXT = 6;

/**
 * Without param decorators the annotation of the first parameter decides. With them its pipes do, as everywhere in Nest:
 * of the annotations only `Buffer` and `string` count then, on a `@Payload()` that asks for nothing else.
 */
export function payloadShape(prototype: object, method: string, declared: DeclaredPayload): PayloadShape {
  const parameters = decorated(prototype, method);
  const annotations = annotationsOf(prototype, method);
  const annotation = declared.listOf ?? annotations[parameters ? wholePayload(parameters) : 0];
  const annotated = parameters && !declared.listOf ? undefined : classOf(annotation);
  const type = annotated ?? (declared.event as PayloadClass | undefined);
  const form = declared.event || declared.schema ? 'decoded' : formOf(annotation);
  return { form, type, schema: declared.schema ?? (type && eventDescription(type)?.schema) };
}

/** A context where the payload is given, which no type checker sees once a payload may be anything. */
export function takesContextFirst(prototype: object, method: string): boolean {
  const [first] = annotationsOf(prototype, method);
  return !decorated(prototype, method) && (first === EventContext || first === EventBatch);
}

/** A class where a handler of batches is given a list. */
export function takesOne(prototype: object, method: string): string | undefined {
  const annotation = annotationsOf(prototype, method)[0];
  const isOne = annotation !== Array && annotation !== Object && !decorated(prototype, method);
  return isOne && typeof annotation === 'function' ? annotation.name : undefined;
}

interface Parameter {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly unknown[];
  readonly schema?: unknown;
}

function decorated(prototype: object, method: string): Array<[key: string, Parameter]> | undefined {
  const found = Reflect.getMetadata(PARAMETERS, prototype.constructor, method) as
    Record<string, Parameter> | undefined;
  return found && Object.keys(found).length > 0 ? Object.entries(found) : undefined;
}

/** Index of the parameter that takes the payload as it is; -1 when there is none, or one more that needs it decoded. */
function wholePayload(parameters: ReadonlyArray<[string, Parameter]>): number {
  const [only, ...others] = parameters.filter(([key]) => key.startsWith(`${PAYLOAD}:`));
  if (!only || others.length > 0) return -1;
  const { index, data, pipes = [], schema } = only[1];
  return data === undefined && pipes.length === 0 && schema === undefined ? index : -1;
}

const annotationsOf = (prototype: object, method: string): readonly unknown[] =>
  (Reflect.getMetadata('design:paramtypes', prototype, method) as unknown[] | undefined) ?? [];

function formOf(annotation: unknown): PayloadForm {
  if (annotation === Buffer || annotation === Uint8Array) return 'bytes';
  return annotation === String ? 'text' : 'decoded';
}

/** What the compiler writes for interfaces, unions and primitives, and classes of the language itself. */
const NOT_MADE: ReadonlySet<unknown> = new Set([
  ...[Object, Function, String, Number, Boolean, Symbol, BigInt, Array, Date, RegExp, Error, Promise],
  ...[Map, Set, WeakMap, WeakSet, ArrayBuffer, DataView, Buffer, URL, EventContext, EventBatch],
]);

function classOf(annotation: unknown): PayloadClass | undefined {
  if (typeof annotation !== 'function' || NOT_MADE.has(annotation)) return undefined;
  const isTypedArray = Object.getPrototypeOf(annotation) === Object.getPrototypeOf(Uint8Array);
  return isTypedArray ? undefined : (annotation as PayloadClass);
}

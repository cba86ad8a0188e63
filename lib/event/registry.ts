/**
 * The events of your application, for the compiler. Empty unless you add to it by declaration merging:
 *
 *     declare module 'nestjs-rabbitmq-outbox' {
 *       interface OutboxEvents {
 *         'order.placed': OrderPlaced;
 *       }
 *     }
 *
 * From then on `emit()` and `@OnEvent()` take these types only, each with its own payload.
 */
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface
export interface OutboxEvents {}

/** Any string while nothing is registered; then the registered types only. */
export type EventType = keyof OutboxEvents extends never ? string : Extract<keyof OutboxEvents, string>;

/** The payload registered for a type; anything while nothing is registered. */
export type PayloadOf<Type extends string> = Type extends keyof OutboxEvents ? OutboxEvents[Type] : unknown;

/** The registered types a pattern matches; of several patterns, those that any of them matches. */
export type Matching<Pattern extends string> = Pattern extends unknown
  ? { [Type in EventType]: Matches<Words<Pattern>, Words<Type>> extends true ? Type : never }[EventType]
  : never;

type Words<Text extends string> = Text extends `${infer First}.${infer Rest}`
  ? [First, ...Words<Rest>]
  : [Text];

type Matches<Pattern extends readonly string[], Type extends readonly string[]> = Pattern extends [
  infer Word extends string,
  ...infer Rest extends string[],
]
  ? Word extends '#'
    ? Matches<Rest, Type> extends true
      ? true
      : Type extends [string, ...infer Others extends string[]]
        ? Matches<Pattern, Others>
        : false
    : Type extends [infer First extends string, ...infer Others extends string[]]
      ? Word extends '*' | First
        ? Matches<Rest, Others>
        : false
      : false
  : Type extends []
    ? true
    : false;

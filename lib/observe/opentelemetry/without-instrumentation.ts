/** How OpenTelemetry's instrumentation (and all that use shimmer) leave behind what they wrapped. */
interface Wrapped {
  readonly __wrapped?: boolean;
  readonly __original?: unknown;
}

/**
 * Gives an object its methods back as they were before instrumentation wrapped them in its class. `consume` of amqplib's
 * instrumentation looks at no context that could be told to suppress it, and `publish` would write its own
 * `traceparent` over the one that came with the event.
 */
export function withoutInstrumentation(instrumented: object): void {
  const seen = new Set<string>();
  for (let type: object | null = instrumented; type; type = Object.getPrototypeOf(type) as object | null) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      const original = seen.has(name) ? value : originalOf(value);
      seen.add(name);
      if (original !== value)
        Object.defineProperty(instrumented, name, { value: original, configurable: true });
    }
  }
}

function originalOf(value: unknown): unknown {
  let method = value as Wrapped | undefined;
  while (typeof method === 'function' && (method as Wrapped).__wrapped === true) {
    method = (method as Wrapped).__original as Wrapped;
  }
  return method;
}

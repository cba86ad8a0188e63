const HINT = Symbol('nestjs-rabbitmq-outbox:hint');

/** Puts a word of advice on an error, for whoever reads the log or the dead letter. The error itself stays what it is. */
export function withHint<T>(error: T, hint: string): T {
  if (typeof error === 'object' && error !== null && Object.isExtensible(error)) {
    Object.defineProperty(error, HINT, { value: hint, configurable: true });
  }
  return error;
}

export const hintOf = (error: object): string | undefined => (error as { [HINT]?: string })[HINT];

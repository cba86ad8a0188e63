/**
 * 1 to 255 bytes, which is what AMQP carries in its properties, and no NUL, which is legal there but not in PostgreSQL's
 * text.
 */
export const isShortString = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255 && !value.includes('\0');

/** The soft errors of AMQP 0-9-1: they close the channel and leave the connection open. */
const CHANNEL_CODES = {
  CONTENT_TOO_LARGE: 311,
  ACCESS_REFUSED: 403,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
} as const;

/** The hard ones close the connection. */
const CONNECTION_CODES = {
  CONNECTION_FORCED: 320,
  FRAME_ERROR: 501,
  SYNTAX_ERROR: 502,
  COMMAND_INVALID: 503,
  CHANNEL_ERROR: 504,
  UNEXPECTED_FRAME: 505,
  NOT_ALLOWED: 530,
  NOT_IMPLEMENTED: 540,
  INTERNAL_ERROR: 541,
} as const;

const CODES = { ...CHANNEL_CODES, ...CONNECTION_CODES };

/** What the broker answers to a client that did something wrong, worded as RabbitMQ words it. */
export class AmqpException extends Error {
  readonly code: number;
  readonly closesConnection: boolean;
  /** The method that was being handled: tells the client which of its calls failed. */
  method = 0;

  constructor(reason: keyof typeof CODES, explanation: string) {
    super(shortened(`${reason} - ${explanation}`));
    this.code = CODES[reason];
    this.closesConnection = reason in CONNECTION_CODES;
  }

  get closeFields() {
    return {
      replyCode: this.code,
      replyText: this.message,
      classId: this.method >>> 16,
      methodId: this.method & 0xffff,
    };
  }
}

/** A thing as RabbitMQ names it in its messages: `queue 'orders' in vhost '/'`. */
export function described(kind: 'queue' | 'exchange', name: string): string {
  return `${kind} '${name}' in vhost '/'`;
}

export function notFound(kind: 'queue' | 'exchange', name: string): AmqpException {
  return new AmqpException('NOT_FOUND', `no ${described(kind, name)}`);
}

export function refused(explanation: string): AmqpException {
  return new AmqpException('PRECONDITION_FAILED', explanation);
}

/** A reply text is a short string; RabbitMQ cuts at 252 bytes and adds an ellipsis. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= 255) return text;
  return `${bytes.toString('utf8', 0, 252).replace(/\uFFFD+$/, '')}...`;
}

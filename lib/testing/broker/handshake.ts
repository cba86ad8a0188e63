import { AmqpException } from './errors.js';
import type { ClientMethod, ServerMethods, Table } from './methods.js';

const CHANNEL_MAX = 2047;
const FRAME_MAX = 131_072;
const FRAME_MIN = 4096;

const SERVER_PROPERTIES: Table = {
  product: 'RabbitMQ (embedded, for tests)',
  version: '3.10.8',
  platform: `Node.js ${process.version}`,
  capabilities: {
    publisher_confirms: true,
    exchange_exchange_bindings: true,
    'basic.nack': true,
    consumer_cancel_notify: true,
    'connection.blocked': true,
    consumer_priorities: true,
    authentication_failure_close: true,
    per_consumer_qos: true,
    direct_reply_to: true,
  },
};

/** What the two sides agreed on. */
export interface Agreement {
  user: string;
  /** What the client understands, such as `consumer_cancel_notify`. */
  capabilities: Table;
  channelMax: number;
  frameMax: number;
  /** Seconds; 0 for none. */
  heartbeat: number;
}

type Step = 'ConnectionStartOk' | 'ConnectionTuneOk' | 'ConnectionOpen' | 'done';

/** The opening conversation: `start → start-ok`, `tune → tune-ok`, `open → open-ok`, in that order. */
export class Handshake {
  readonly agreed: Agreement = {
    user: '',
    capabilities: {},
    channelMax: CHANNEL_MAX,
    frameMax: FRAME_MAX,
    heartbeat: 0,
  };
  #expected: Step = 'ConnectionStartOk';

  constructor(
    private readonly heartbeat: number,
    private readonly send: <Name extends keyof ServerMethods>(
      name: Name,
      fields: ServerMethods[Name],
    ) => void,
  ) {}

  get isDone(): boolean {
    return this.#expected === 'done';
  }

  start(): void {
    this.send('ConnectionStart', {
      serverProperties: SERVER_PROPERTIES,
      mechanisms: Buffer.from('AMQPLAIN PLAIN'),
    });
  }

  handle({ name, fields }: ClientMethod): void {
    if (name !== this.#expected)
      throw new AmqpException('COMMAND_INVALID', `expected ${this.#expected}, got ${name}`);
    if (name === 'ConnectionStartOk') {
      this.agreed.user = userOf(fields.mechanism, fields.response);
      this.agreed.capabilities = (fields.clientProperties['capabilities'] ?? {}) as Table;
      this.send('ConnectionTune', {
        channelMax: CHANNEL_MAX,
        frameMax: FRAME_MAX,
        heartbeat: this.heartbeat,
      });
      this.#expected = 'ConnectionTuneOk';
    } else if (name === 'ConnectionTuneOk') {
      assertWithin('frame_max', fields.frameMax, FRAME_MIN, FRAME_MAX);
      assertWithin('channel_max', fields.channelMax, 1, CHANNEL_MAX);
      const { channelMax, frameMax, heartbeat } = fields;
      Object.assign(this.agreed, { channelMax, frameMax, heartbeat });
      this.#expected = 'ConnectionOpen';
    } else if (name === 'ConnectionOpen') {
      if (fields.virtualHost !== '/') {
        throw new AmqpException('NOT_ALLOWED', `vhost ${fields.virtualHost} not found`);
      }
      this.send('ConnectionOpenOk', {});
      this.#expected = 'done';
    }
  }
}

/** Whoever comes is let in; the name matters for a message's `user-id`. */
function userOf(mechanism: string, response: Buffer): string {
  return mechanism === 'PLAIN' ? (response.toString().split('\0')[1] ?? '') : 'guest';
}

function assertWithin(field: string, value: number, min: number, max: number): void {
  const wrong =
    value !== 0 && value < min
      ? ['lower', 'minimum', min]
      : value === 0 || value > max
        ? ['higher', 'maximum', max]
        : undefined;
  if (!wrong) return;
  const [than, bound, limit] = wrong;
  const detail = value === 0 ? ' (no limit)' : '';
  throw new AmqpException(
    'NOT_ALLOWED',
    `negotiated ${field} = ${value}${detail} is ${than} than the ${bound} allowed value (${limit})`,
  );
}

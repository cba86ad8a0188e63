type Kind = 'text' | 'number' | 'duration' | 'flag' | 'list';

/** `OUTBOX_*` variables: they override the defaults and are overridden by code. */
const VARIABLES: Readonly<Record<string, readonly [path: string, kind: Kind]>> = {
  OUTBOX_SERVICE: ['service', 'text'],
  OUTBOX_RABBITMQ_URL: ['rabbitmq.url', 'list'],
  OUTBOX_EXCHANGE: ['rabbitmq.exchange', 'text'],
  OUTBOX_ALTERNATE_EXCHANGE: ['rabbitmq.alternateExchange', 'text'],
  OUTBOX_QUEUE_TYPE: ['rabbitmq.queueType', 'text'],
  OUTBOX_TOPOLOGY: ['rabbitmq.topology', 'text'],
  OUTBOX_UNROUTABLE: ['rabbitmq.unroutable', 'text'],
  OUTBOX_HEARTBEAT: ['rabbitmq.connection.heartbeat', 'duration'],
  OUTBOX_SCHEMA: ['storage.schema', 'text'],
  OUTBOX_TABLE: ['storage.table', 'text'],
  OUTBOX_INBOX_TABLE: ['storage.inboxTable', 'text'],
  OUTBOX_MIGRATE: ['storage.migrate', 'flag'],
  OUTBOX_MAX_PAYLOAD: ['emit.maxPayload', 'number'],
  OUTBOX_CODEC: ['emit.codec', 'text'],
  OUTBOX_ORDERING: ['emit.ordering', 'text'],
  OUTBOX_EXPIRATION: ['emit.expiration', 'duration'],
  OUTBOX_RELAY_ENABLED: ['relay.enabled', 'flag'],
  OUTBOX_POLL_INTERVAL: ['relay.pollInterval', 'duration'],
  OUTBOX_BATCH_SIZE: ['relay.batchSize', 'number'],
  OUTBOX_WINDOW: ['relay.window', 'number'],
  OUTBOX_LANES: ['relay.lanes', 'number'],
  OUTBOX_WAKE_UP: ['relay.wakeUp', 'text'],
  OUTBOX_PUBLISH_TIMEOUT: ['relay.publishTimeout', 'duration'],
  OUTBOX_RELAY_ATTEMPTS: ['relay.retry.attempts', 'number'],
  OUTBOX_ON_DEAD: ['relay.onDead', 'text'],
  OUTBOX_CONSUMERS_ENABLED: ['consumers.enabled', 'flag'],
  OUTBOX_PREFETCH: ['consumers.prefetch', 'number'],
  OUTBOX_RETRY: ['consumers.retry', 'list'],
  OUTBOX_INBOX: ['consumers.inbox', 'flag'],
  OUTBOX_TIMEOUT: ['consumers.timeout', 'duration'],
  OUTBOX_MAX_REDELIVERIES: ['consumers.maxRedeliveries', 'number'],
  OUTBOX_FORMAT: ['format', 'text'],
  OUTBOX_RETENTION: ['retention', 'duration'],
  OUTBOX_ARCHIVE: ['archive', 'text'],
  OUTBOX_IDLE: ['idle', 'flag'],
  OUTBOX_INBOX_RETENTION: ['inboxRetention', 'duration'],
  OUTBOX_SHUTDOWN_TIMEOUT: ['shutdownTimeout', 'duration'],
};

export interface EnvironmentValue {
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The values the environment sets, each with the variable it came from, so that errors can name it. */
export function readEnvironment(env: Environment): EnvironmentValue[] {
  return Object.entries(VARIABLES).flatMap(([variable, [path, kind]]) => {
    const text = env[variable];
    return text === undefined || text === ''
      ? []
      : [{ variable, path: path.split('.'), value: read(text, kind) }];
  });
}

/** Text that is not of the kind stays text: validation then refuses it and says what was expected. */
function read(text: string, kind: Kind): unknown {
  if (kind === 'list') return text === 'false' ? false : text.split(',').map((item) => item.trim());
  if (kind === 'flag') return text === 'true' ? true : text === 'false' ? false : text;
  if (kind === 'duration') return /^\d+$/.test(text) ? Number(text) : text;
  if (kind === 'number') return Number.isNaN(Number(text)) ? text : Number(text);
  return text;
}

export const environmentVariables = (): readonly string[] => Object.keys(VARIABLES);

import { randomUUID } from 'node:crypto';
import {
  connect,
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type GetMessage,
  type Options,
  type Replies,
} from 'amqplib';
import { OutboxConsumers } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Ground,
  type Playground,
  type TestApp,
  type TestAppSettings,
} from '../support/outbox-app.js';

/** A playground for consumers: apps that only consume, and a client of our own to play their counterparts. */
export interface Stage {
  readonly playground: Playground;
  /** Starts an app that consumes and does not relay. Closed with the stage. */
  start(settings: TestAppSettings): Promise<TestApp>;
  /** The queue of a handler, `Class.method`. */
  queue(handler: string): string;
  /** Publishes as the relay would. Resolves to the message id when the broker has it. */
  publish(type: string, payload?: unknown, properties?: Options.Publish): Promise<string>;
  /** Puts a body straight on a queue, with nothing but the given properties. */
  send(queue: string, body: string | Buffer, properties?: Options.Publish): Promise<void>;
  /** Takes a message off a queue; `undefined` when there is none, or no such queue. */
  take(queue: string): Promise<GetMessage | undefined>;
  /** Takes the next dead letter of a queue, as soon as there is one. */
  deadLetter(queue: string): Promise<GetMessage>;
  /** How many messages are ready on a queue, and how many consumers it has. */
  look(queue: string): Promise<Replies.AssertQueue>;
  /** A throw-away channel of our own. */
  onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openStage(ground: Ground = {}): Promise<Stage> {
  const playground = await createPlayground(ground);
  const client = clientOf(playground.rabbitUrl);
  rememberDeclarations(await client.confirming(), playground);
  const { name } = playground;
  const apps: TestApp[] = [];

  async function put(
    exchange: string,
    key: string,
    body: Buffer,
    properties: Options.Publish,
  ): Promise<void> {
    const channel = await client.confirming();
    await new Promise<void>((resolve, reject) => {
      channel.publish(exchange, key, body, properties, (error: unknown) =>
        error ? reject(error as Error) : resolve(),
      );
    });
  }

  async function onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const own = await (await client.connected()).createChannel();
    own.on('error', () => undefined);
    const result = await work(own);
    await own.close();
    return result;
  }

  async function take(queue: string): Promise<GetMessage | undefined> {
    try {
      return (await onChannel((own) => own.get(queue, { noAck: true }))) || undefined;
    } catch (error) {
      if ((error as { code?: number }).code === 404) return undefined;
      throw error;
    }
  }

  return {
    playground,
    onChannel,
    take,
    start: async (settings) => {
      const { options } = settings;
      const app = await startApp(playground, {
        ...settings,
        options: { ...options, relay: { enabled: false, ...options?.relay } },
      });
      apps.push(app);
      if (!options?.rabbitmq?.url) await consuming(app);
      return app;
    },
    queue: (handler) => `${name}.${handler}`,
    publish: async (type, payload = {}, properties = {}) => {
      const messageId = properties.messageId ?? randomUUID();
      const contentType = 'application/json';
      const body = Buffer.from(JSON.stringify(payload));
      await put(name, type, body, { type, contentType, persistent: true, ...properties, messageId });
      return messageId;
    },
    send: (queue, body, properties = {}) => put('', queue, Buffer.from(body as string), properties),
    deadLetter: (queue) => eventually(() => take(`${queue}.dlq`)),
    look: (queue) => onChannel((own) => own.checkQueue(queue)),
    close: async () => {
      for (const app of apps) await app.close();
      await client.close();
      await playground.close();
    },
  };
}

/** An application starts without its broker, if that does not answer in time: on a busy machine it may be late. */
const consuming = ({ app }: TestApp) =>
  eventually(() => app.get(OutboxConsumers).states.every((state) => state.consuming));

/** A connection, and a channel with confirms on it, that are opened again when the broker has ended them. */
function clientOf(url: string) {
  let connection: ChannelModel | undefined;
  let channel: ConfirmChannel | undefined;

  async function connected(): Promise<ChannelModel> {
    if (connection) return connection;
    const made = await connect(url);
    made.on('error', () => undefined);
    made.on('close', () => (connection = channel = undefined));
    return (connection = made);
  }

  async function confirming(): Promise<ConfirmChannel> {
    if (channel) return channel;
    const made = await (await connected()).createConfirmChannel();
    made.on('error', () => undefined);
    made.on('close', () => (channel = undefined));
    return (channel = made);
  }

  return { connected, confirming, close: () => connection?.close() };
}

/** Every queue and exchange that this test file declares, by whatever connection, goes with its playground. */
function rememberDeclarations(channel: ConfirmChannel, playground: Playground): void {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(channel)) as Channel;
  const remembering = (kind: 'queue' | 'exchange', method: 'assertQueue' | 'assertExchange') => {
    const declare = Reflect.get(prototype, method) as (name: string, ...rest: unknown[]) => unknown;
    const remember = function (this: Channel, name: string, ...rest: unknown[]) {
      if (name) playground.remember(kind, name);
      return declare.call(this, name, ...rest);
    };
    Reflect.set(prototype, method, remember);
  };
  remembering('queue', 'assertQueue');
  remembering('exchange', 'assertExchange');
}

/** A promise and the function that fulfils it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

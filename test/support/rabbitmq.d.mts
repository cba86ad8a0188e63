import type { ResolvedServer } from './postgres.mjs';

export interface RabbitMqOptions {
  /** More lines of rabbitmq.conf, such as `max_message_size = 262144`. */
  config?: string;
  /** Plugins to enable. `rabbitmq_management` gets a free port, see `managementUrl`. */
  plugins?: string[];
  /** How the node's name starts. Default `outbox`. */
  name?: string;
  /** Whose programs to use. Default: local ones, else Debian's packages unpacked into the cache. */
  installation?: Installation;
}

export interface Installation {
  home: string;
  env: Record<string, string>;
  source: string;
}

/** A private RabbitMQ node. It ends with this process, however that ends. Await each call before the next. */
export interface RabbitMqNode {
  /** `amqp://guest:guest@127.0.0.1:…` */
  readonly url: string;
  readonly port: number;
  /** Set when the plugin `rabbitmq_management` is enabled. */
  readonly managementUrl?: string;
  readonly nodeName: string;
  readonly version: string;
  readonly source: string;
  readonly logFile: string;
  /** The Erlang machine's process id, undefined when it does not run. */
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Starts the stopped or killed node on its old port, with its old data. Does nothing when it runs. */
  start(): Promise<void>;
  /** Graceful. */
  stop(): Promise<void>;
  /** `kill -9` on the Erlang machine. A queue declared in the last 2 s can be lost by it: see `flush`. */
  kill(): Promise<void>;
  /** Makes the queues, exchanges and bindings declared until now survive a kill. */
  flush(): Promise<void>;
  restart(): Promise<void>;
  /** `rabbitmqctl` on this node, and only on it; gives what it printed. */
  ctl(...args: string[]): Promise<string>;
  /** Erlang, evaluated on this node: much faster than `ctl`. Gives the value. */
  eval(expressions: string): Promise<string>;
  /** An alarm over memory blocks whoever publishes, until it ends. */
  alarm(on: boolean): Promise<void>;
  /** Such as `running` and `blocked`, one for each connection. */
  connectionStates(): Promise<string[]>;
  /** Another of RabbitMQ's command line tools on this node, such as `rabbitmq-diagnostics`. */
  tool(name: string, ...args: string[]): Promise<string>;
  /** Ends the broker and leaves its Erlang machine running: faster than `stop` and `start`. */
  stopApp(): Promise<void>;
  startApp(): Promise<void>;
  /** Ends the node and removes its files. */
  close(): Promise<void>;
}

/** The first of: RABBITMQ_URL, the docker compose service, a private node. */
export function resolveRabbitMq(): Promise<ResolvedServer>;

/** Starts a private node on free ports. */
export function startRabbitMq(options?: RabbitMqOptions): Promise<RabbitMqNode>;

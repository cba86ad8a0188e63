/**
 * Stands between clients and a server, and does to their connections what networks do. `watch` is called for each new
 * connection, and may return `{ client, server }`: they see the bytes that each side sends.
 */
export class TcpProxy {
  /** `target` is a URL, such as `postgres://127.0.0.1:5432/test`. */
  static start(
    target: string,
    watch?: () => { client?: (bytes: Buffer) => void; server?: (bytes: Buffer) => void },
  ): Promise<TcpProxy>;
  /** The target's URL, through the proxy. */
  readonly url: string;
  /** Connections that stand. */
  readonly connections: number;
  /** Ends all connections without a word. New ones are let through. */
  cut(): void;
  /** Nothing gets through, and nobody is told; until `flow()`, when all of it does. */
  stall(): void;
  flow(): void;
  /** New connections go to another server. Those that stand stay. */
  retarget(target: string): void;
  close(): Promise<void>;
}

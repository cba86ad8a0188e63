import type { Socket } from 'node:net';

/** Keeps a connection's silence apart from its death: sends when there is nothing to send, listens for any byte. */
export class Heartbeat {
  #beat: NodeJS.Timeout | undefined;
  #listen: NodeJS.Timeout | undefined;
  #seen = 0;
  #misses = 0;
  #isPaused = false;

  constructor(
    private readonly socket: Socket,
    private readonly hooks: { send(): void; died(): void },
  ) {}

  /** Sends every half interval, and gives up after two whole ones without a sign, as RabbitMQ does. 0 for never. */
  start(seconds: number): void {
    if (seconds === 0) return;
    this.#beat = setInterval(() => this.hooks.send(), seconds * 500);
    this.#listen = setInterval(() => this.#check(), seconds * 1000);
  }

  /** Who is not read from cannot give a sign. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#misses = 0;
  }

  stop(): void {
    clearInterval(this.#beat);
    clearInterval(this.#listen);
  }

  #check(): void {
    const isSilent = this.socket.bytesRead === this.#seen;
    this.#seen = this.socket.bytesRead;
    this.#misses = isSilent && !this.#isPaused ? this.#misses + 1 : 0;
    if (this.#misses >= 2) this.hooks.died();
  }
}

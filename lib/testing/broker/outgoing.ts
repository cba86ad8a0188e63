import type { Socket } from 'node:net';

/** Bytes that may wait for a slow reader before its consumers get no more. */
const CONGESTED = 1024 * 1024;

/** A connection's way out: everything written in one turn of the event loop leaves in one piece. */
export class Outgoing {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isScheduled = false;

  constructor(
    private readonly socket: Socket,
    private readonly hooks: { beforeFlush(): void; relieved(): void },
  ) {
    socket.on('drain', () => hooks.relieved());
  }

  get isCongested(): boolean {
    return this.#bytes + this.socket.writableLength > CONGESTED;
  }

  write(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => this.flush());
  }

  flush(): void {
    this.hooks.beforeFlush();
    const wasCongested = this.isCongested;
    if (this.#bytes > 0 && this.socket.writable) this.socket.write(Buffer.concat(this.#chunks, this.#bytes));
    this.#chunks = [];
    this.#bytes = 0;
    this.#isScheduled = false;
    if (wasCongested && !this.isCongested) this.hooks.relieved();
  }
}

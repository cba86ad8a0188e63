import type { Snapshot } from '../../sample-app/src/live/snapshot.js';

type OnTheWire<T> = T extends Date ? string : T extends object ? { [K in keyof T]: OnTheWire<T[K]> } : T;
export type LiveSnapshot = OnTheWire<Snapshot>;

/** What a page that watches the shop is told, read as a browser reads it. */
export class LiveStream {
  private readonly seen: LiveSnapshot[] = [];
  private readonly waiting = new Set<() => void>();
  private failure?: Error;

  private constructor(private readonly abort: AbortController) {}

  static async open(shopUrl: string): Promise<LiveStream> {
    const abort = new AbortController();
    const response = await fetch(`${shopUrl}/live`, { signal: abort.signal });
    const stream = new LiveStream(abort);
    stream.read(response).catch((error: Error) => stream.end(error));
    return stream;
  }

  /** The first snapshot, of those seen since the stream was opened, that fits. */
  async until(fits: (snapshot: LiveSnapshot) => boolean): Promise<LiveSnapshot> {
    for (let next = 0; ; next += 1) {
      const snapshot = this.seen[next] ?? (await this.arrival(next));
      if (fits(snapshot)) return snapshot;
    }
  }

  close(): void {
    this.abort.abort();
  }

  private async arrival(index: number): Promise<LiveSnapshot> {
    for (;;) {
      const snapshot = this.seen[index];
      if (snapshot) return snapshot;
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  private async read(response: Response): Promise<void> {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const messages = text.split('\n\n');
      text = messages.pop() ?? '';
      for (const message of messages) this.take(message);
    }
    this.end(new Error('The live stream has ended'));
  }

  private take(message: string): void {
    const type = /^event: (.*)$/m.exec(message)?.[1];
    if (type !== 'snapshot') return;
    const data = [...message.matchAll(/^data: (.*)$/gm)].map(([, line]) => line).join('\n');
    this.seen.push(JSON.parse(data) as LiveSnapshot);
    this.wake();
  }

  private end(failure: Error): void {
    this.failure = failure;
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

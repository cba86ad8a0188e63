/** Bytes of payload one batch should hold at most. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** What a payload is taken to be before any was seen, in bytes. */
const FIRST_GUESS = 64 * 1024;

/** Keeps memory flat whatever the payloads weigh: claims as many rows as usually fit into a few megabytes. */
export class BatchSizer {
  private average = FIRST_GUESS;

  constructor(private readonly most: number) {}

  get size(): number {
    return Math.max(1, Math.min(this.most, Math.floor(BATCH_BYTES / this.average)));
  }

  learn(events: ReadonlyArray<{ readonly body: Buffer }>): void {
    const bytes = events.reduce((sum, { body }) => sum + body.length, 0);
    this.average = Math.max(1, (this.average + bytes / events.length) / 2);
  }
}

/**
 * Acks the deliveries of one channel with as few frames as possible: what is acked in one turn of the event loop is told
 * at its end, with one `multiple` ack up to the highest tag below which nothing is unsettled, and an ack for each tag
 * above it. A `multiple` ack covers every lower tag
 * (https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter), so it never passes one whose handler still
 * runs: that message would be lost if the process died.
 */
export class Acks {
  /** Settled here; the broker is not told yet. */
  private done: number[] = [];
  private turn: NodeJS.Immediate | undefined;

  /**
   * @param lowestUnsettled the lowest tag whose message is still in our hands; infinity if there is none
   * @param send may throw when the channel is being closed, which takes the messages back
   */
  constructor(
    private readonly lowestUnsettled: () => number,
    private readonly send: (tag: number, multiple: boolean) => void,
  ) {}

  ack(tag: number): void {
    this.done.push(tag);
    this.turn ??= setImmediate(() => this.flush());
  }

  /** Tells the broker now. */
  flush(): void {
    const { done } = this;
    this.forget();
    const lowest = this.lowestUnsettled();
    const covered = done.filter((tag) => tag < lowest);
    const apart = done.filter((tag) => tag > lowest);
    if (covered.length > 0) this.trySend(Math.max(...covered), covered.length > 1);
    for (const tag of apart) this.trySend(tag, false);
  }

  /** The channel is gone: tags mean something on their own channel only. */
  forget(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.done = [];
  }

  private trySend(tag: number, multiple: boolean): void {
    try {
      this.send(tag, multiple);
    } catch {
      // The channel is being closed.
    }
  }
}

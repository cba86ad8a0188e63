/** So much of the prefetch, and the broker is told: it sends more while the rest is handled. */
const ENOUGH = 1 / 8;

/**
 * Acks the deliveries of one channel with as few frames as possible: what is acked in one turn of the event loop is told
 * at its end, or when it is an eighth of the prefetch, with one `multiple` ack up to the highest tag below which nothing is
 * unsettled, and an ack for each tag above it. A `multiple` ack covers every lower tag
 * (https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter), so it never passes one whose handler still
 * runs: that message would be lost if the process died.
 */
export class Acks<Delivery extends { readonly tag: number }> {
  /** Settled here; the broker is not told yet. */
  private done: Delivery[] = [];
  private turn: NodeJS.Immediate | undefined;

  /**
   * @param lowestUnsettled the lowest tag whose message is still in our hands; infinity if there is none
   * @param prefetch how many the broker sends before it waits for acks
   * @param send may throw when the channel is being closed, which takes the messages back
   */
  constructor(
    private readonly lowestUnsettled: () => number,
    private readonly prefetch: () => number,
    private readonly send: (delivery: Delivery, multiple: boolean) => void,
  ) {}

  ack(delivery: Delivery): void {
    this.done.push(delivery);
    if (this.done.length >= this.prefetch() * ENOUGH) return this.flush();
    this.turn ??= setImmediate(() => this.flush());
  }

  /** Tells the broker now. */
  flush(): void {
    const { done } = this;
    this.forget();
    const lowest = this.lowestUnsettled();
    const covered = done.filter(({ tag }) => tag < lowest);
    const apart = done.filter(({ tag }) => tag > lowest);
    const [first, ...more] = covered;
    const highest = more.reduce(
      (high, delivery) => (delivery.tag > (high?.tag ?? 0) ? delivery : high),
      first,
    );
    if (highest) this.trySend(highest, covered.length > 1);
    for (const delivery of apart) this.trySend(delivery, false);
  }

  /** The channel is gone: tags mean something on their own channel only. */
  forget(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.done = [];
  }

  private trySend(delivery: Delivery, multiple: boolean): void {
    try {
      this.send(delivery, multiple);
    } catch {
      // The channel is being closed.
    }
  }
}

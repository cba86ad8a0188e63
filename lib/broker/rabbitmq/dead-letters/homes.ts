import { partitionsExchange } from '../names.js';

/** Which exchange leads a dead letter to the handler it died at: the default one, unless the handler has partitions. */
export class Homes {
  private readonly known = new Map<string, Promise<string>>();

  constructor(private readonly exists: (kind: 'queue' | 'exchange', name: string) => Promise<boolean>) {}

  exchangeFor(queue: string): Promise<string> {
    const known = this.known.get(queue) ?? this.lookUp(queue);
    this.known.set(queue, known);
    return known;
  }

  private async lookUp(queue: string): Promise<string> {
    const exchange = partitionsExchange(queue);
    if (await this.exists('queue', queue)) return DEFAULT_EXCHANGE;
    return (await this.exists('exchange', exchange)) ? exchange : DEFAULT_EXCHANGE;
  }
}

/** Returns what is for a queue that is not there. */
const DEFAULT_EXCHANGE = '';

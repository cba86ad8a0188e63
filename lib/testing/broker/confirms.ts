/**
 * What a confirm channel owes its publisher. Outcomes are told in runs: as messages are settled in the order in which
 * they came, `multiple` answers any number of equal outcomes with one frame.
 */
export class Confirms {
  #last = 0;
  #runs: { upTo: number; count: number; accepted: boolean }[] = [];

  record(accepted: boolean): void {
    const upTo = ++this.#last;
    const run = this.#runs.at(-1);
    if (run?.accepted !== accepted) this.#runs.push({ upTo, count: 1, accepted });
    else {
      run.upTo = upTo;
      run.count++;
    }
  }

  flush(
    send: (name: 'BasicAck' | 'BasicNack', fields: { deliveryTag: number; multiple: boolean }) => void,
  ): void {
    const runs = this.#runs;
    this.#runs = [];
    for (const { upTo, count, accepted } of runs) {
      send(accepted ? 'BasicAck' : 'BasicNack', { deliveryTag: upTo, multiple: count > 1 });
    }
  }
}

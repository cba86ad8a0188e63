/** How long further ones of a kind are held back after one was let through, in milliseconds. */
const INTERVAL = 10_000;
/** Kinds remembered at most; beyond that all of them are new again. */
const MOST = 1_000;

interface Kind {
  until: number;
  heldBack: number;
}

/** Lets through the first of a kind, and then one in a while: for what can happen to every event, and is to be logged. */
export class Seldom {
  private readonly kinds = new Map<string, Kind>();

  constructor(
    private readonly interval = INTERVAL,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** `speak` is told how many were held back since the last one. */
  say(kind: string, speak: (heldBack: number) => void): void {
    const now = this.now();
    const known = this.kinds.get(kind);
    if (known && now < known.until) {
      known.heldBack++;
      return;
    }
    if (this.kinds.size >= MOST) this.kinds.clear();
    this.kinds.set(kind, { until: now + this.interval, heldBack: 0 });
    speak(known?.heldBack ?? 0);
  }
}

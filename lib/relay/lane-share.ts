import type { RelayCensus } from '../store/store.js';

/** What one relay should do so that all have their fair share. */
export interface LaneMove {
  /** Lanes to take, if nobody is quicker. */
  readonly take: readonly number[];
  /** How many to give back. */
  readonly give: number;
}

/**
 * Every relay is to hold `lanes / relays`, rounded down or up. Whoever has more than that gives back what others lack;
 * whoever has less takes what is free. Relays decide each for itself and at different moments: what two give too much is
 * taken up again, and nothing is decided by who is said to live, only by who holds a seat.
 */
export function laneMove({ shares, free }: RelayCensus, lanes: number, shuffle = shuffled): LaneMove {
  const [mine = 0, ...others] = shares;
  const least = Math.floor(lanes / shares.length);
  const most = Math.ceil(lanes / shares.length);
  const lacking = others.reduce((sum, share) => sum + Math.max(0, least - share), 0);
  if (mine > least && lacking > free.length)
    return { take: [], give: Math.min(mine - least, lacking - free.length) };
  // What is free is for those who lack it first.
  const entitled = lacking > 0 ? least : most;
  return { take: shuffle(free).slice(0, Math.max(0, entitled - mine)), give: 0 };
}

/** Relays that reach for lanes at the same moment had better reach for different ones. */
function shuffled(lanes: readonly number[]): number[] {
  return lanes
    .map((lane) => ({ lane, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ lane }) => lane);
}

import { randomInt } from 'node:crypto';

/** Lanes are cut from this many slots, so that their number can change without touching rows. */
export const LANE_SLOTS = 32_768;

/**
 * The slot of a key: FNV-1a, folded to 15 bits. The same key always gives the same slot, in every process and every
 * version: rows on disk depend on it. Events without a key are spread at random.
 */
export function laneSlot(key: string | null): number {
  if (key === null) return randomInt(LANE_SLOTS);
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return (hash ^ (hash >>> 15)) & (LANE_SLOTS - 1);
}

/** Some of the lanes that all keys are shared out over, such as 3 and 4 of 16. */
export class LaneSet {
  constructor(
    readonly of: number,
    readonly lanes: ReadonlySet<number> = new Set(),
  ) {}

  get size(): number {
    return this.lanes.size;
  }

  get isComplete(): boolean {
    return this.lanes.size === this.of;
  }

  has(slot: number): boolean {
    return this.isComplete || this.lanes.has(slot % this.of);
  }
}

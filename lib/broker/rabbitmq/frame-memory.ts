/** Bytes of a block: some hundred messages of a kilobyte or two. */
const BLOCK = 1024 * 1024;
/** Blocks kept for later. More are in use only while the broker is slow. */
const MOST_IDLE = 8;

interface Block {
  readonly bytes: Buffer;
  /** Bytes from the beginning that are spoken for. */
  used: number;
  /** How many hold some of them. */
  holders: number;
}

/**
 * Memory for frames, used again as soon as the broker has answered everything that was written from it: by then the
 * socket is done with it. New memory for every write would count as pressure with the engine, which then marks the whole
 * heap several times a second.
 */
export class FrameMemory {
  private block = newBlock();
  private readonly idle: Block[] = [];

  /** What is left of a block, `wanted` bytes or more. Of its own, if no block has so many. */
  room(wanted: number): Buffer {
    if (wanted > BLOCK) return Buffer.allocUnsafeSlow(wanted);
    if (BLOCK - this.block.used < wanted) this.block = this.idle.pop() ?? newBlock();
    return this.block.bytes.subarray(this.block.used);
  }

  /**
   * The first bytes of the last room must not change until the function that is returned is called. Where it never is, the
   * block is left to the garbage collector; so is what was written elsewhere.
   */
  hold(written: Buffer): () => void {
    const { block } = this;
    if (written.buffer !== block.bytes.buffer) return () => undefined;
    block.used += written.length;
    block.holders++;
    return () => {
      if (--block.holders > 0) return;
      block.used = 0;
      if (block !== this.block && this.idle.length < MOST_IDLE) this.idle.push(block);
    };
  }
}

const newBlock = (): Block => ({ bytes: Buffer.allocUnsafeSlow(BLOCK), used: 0, holders: 0 });

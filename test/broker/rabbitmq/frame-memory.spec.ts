import { describe, expect, test } from '@jest/globals';
import { FrameMemory } from '../../../lib/broker/rabbitmq/frame-memory.js';

const BLOCK = 1024 * 1024;

/** Where in which block a piece of memory lies. */
const place = ({ buffer, byteOffset }: Buffer) => ({ buffer, byteOffset });

describe('memory for frames', () => {
  test('is not given out again while it is held', () => {
    const memory = new FrameMemory();
    const pieces = Array.from({ length: 5_000 }, () => {
      const bytes = memory.room(1_500).subarray(0, 1_500);
      memory.hold(bytes);
      return bytes;
    });
    for (const [index, piece] of pieces.entries()) piece.writeUInt32BE(index, 1_496);
    pieces.forEach((piece, index) => expect(piece.readUInt32BE(1_496)).toBe(index));
  });

  test('is used again from its beginning when nobody holds any of it', () => {
    const memory = new FrameMemory();
    const first = memory.room(100);
    const free = [100, 50].map((size) => memory.hold(memory.room(size).subarray(0, size)));
    expect(memory.room(100).byteOffset).toBe(150);
    free[0]?.();
    expect(memory.room(100).byteOffset).toBe(150);
    free[1]?.();
    expect(place(memory.room(100))).toEqual(place(first));
  });

  test('takes blocks again that were full, and are free', () => {
    const memory = new FrameMemory();
    const blocks = new Set<unknown>();
    for (let turn = 0; turn < 50; turn++) {
      const free = Array.from({ length: 4 }, () => {
        const room = memory.room(BLOCK - 10);
        blocks.add(room.buffer);
        return memory.hold(room);
      });
      for (const each of free) each();
    }
    expect(blocks.size).toBe(4);
  });

  test('keeps no more of them than are worth keeping', () => {
    const memory = new FrameMemory();
    const turn = () => {
      const blocks: unknown[] = [];
      const free = Array.from({ length: 30 }, () => {
        const room = memory.room(BLOCK);
        blocks.push(room.buffer);
        return memory.hold(room);
      });
      for (const each of free) each();
      return new Set(blocks);
    };
    const first = turn();
    const kept = [...turn()].filter((block) => first.has(block));
    expect(kept).toHaveLength(9);
  });

  test('of more than a block is a piece of its own, and holding that or any other holds no block', () => {
    const memory = new FrameMemory();
    const large = memory.room(5 * BLOCK);
    expect(large.length).toBe(5 * BLOCK);
    memory.hold(large)();
    memory.hold(Buffer.alloc(10));
    expect(memory.room(10).byteOffset).toBe(0);
  });
});

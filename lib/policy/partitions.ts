/** More than this help nobody: each is a queue, and each process consumes all of them. */
export const MOST_PARTITIONS = 64;

/** The queue of one of the partitions of `queue`, which are numbered from 1. */
export const partitionName = (queue: string, number: number): string => `${queue}.partition.${number}`;

export const partitionNames = (queue: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => partitionName(queue, index + 1));

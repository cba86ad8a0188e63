/** What the process ends with. Scripts decide by it: these numbers do not change (docs/cli.md). */
export const EXIT = {
  /** Done; of a question, the answer is good. */
  ok: 0,
  /** Done, and the answer is bad: behind, not found, a problem found, or not all of it could be done. */
  bad: 1,
  /** Nothing was done: wrong or missing arguments, or nobody there to confirm. */
  usage: 2,
  /** The database cannot be reached, refuses, or has no outbox of this version. */
  database: 3,
  /** RabbitMQ cannot be reached, or refuses. */
  broker: 4,
  /** Anything else. */
  failed: 5,
  /** Ended by SIGINT or SIGTERM before it was done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One attempt that failed: to publish an event, or to handle a message. */
export interface FailedAttempt {
  /** 1 for the first. */
  attempt: number;
  /** ISO 8601. Of publishing by the database's clock, of handling by the handler's process's. */
  at: string;
  error: string;
}

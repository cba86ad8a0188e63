/**
 * Calls `executed(count)` for the statements that a PostgreSQL client has executed, from the bytes it sends: each Execute
 * message is one, and each Query message as many as its text has.
 */
export function watchStatements(executed: (count: number) => void): (bytes: Buffer) => void;

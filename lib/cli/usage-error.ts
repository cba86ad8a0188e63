/** What was asked for makes no sense, or cannot be done without more being said. Nothing has been done. */
export class UsageError extends Error {}

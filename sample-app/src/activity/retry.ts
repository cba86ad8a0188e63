/** Short, so that a failing consumer can be watched all the way into its dead letters. */
export const RETRY = ['1s', '3s'];

/** The first try and one after each delay. */
export const ATTEMPTS = RETRY.length + 1;

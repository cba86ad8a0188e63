/** Why node_modules must be made anew, or undefined. */
export function whatIsMissing(root: string): string | undefined;

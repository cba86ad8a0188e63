/** Files below `root` that look like tests and that jest does not run. */
export function unmatchedTestFiles(root: string): string[];

import { readdirSync } from 'node:fs';
import path from 'node:path';

const LOOKS_LIKE_A_TEST = /[._-](spec\w*|tests?\d*)\.[cm]?[jt]sx?$/i;

/**
 * Files that look like tests and that jest does not run, because they are not named `*.spec.ts` (as `*.int.spec.ts`
 * and `*.e2e.spec.ts` are) or are not in `test/`.
 */
export function unmatchedTestFiles(root) {
  return ['test', 'lib', 'sample-app'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => LOOKS_LIKE_A_TEST.test(file) && !file.split(path.sep).includes('node_modules'))
      .filter((file) => folder !== 'test' || !file.endsWith('.spec.ts'))
      .map((file) => path.join(folder, file)),
  );
}

import TestSequencer from '@jest/test-sequencer';

const KINDS = ['.e2e.spec.ts', '.int.spec.ts', '.spec.ts'];

/** Whole applications and servers take longest: begun last, one of them would keep all workers but its own idle. */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const kind = ({ path }) => KINDS.findIndex((ending) => path.endsWith(ending));
    return super.sort(tests).sort((one, other) => kind(one) - kind(other));
  }
}

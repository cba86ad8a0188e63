import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { whatIsMissing } from './ensure-installed.mjs';
import { unmatchedTestFiles } from './test-file-names.mjs';

let root: string;
beforeEach(() => (root = mkdtempSync(path.join(tmpdir(), 'commands-spec-'))));
afterEach(() => rmSync(root, { recursive: true }));

describe('whether npm must install', () => {
  const wanted = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/for-another-platform': { version: '1.0.0', optional: true },
  };

  it('does when there is no node_modules', () => {
    write('package-lock.json', { packages: wanted });
    expect(whatIsMissing(root)).toBe('node_modules is missing');
  });

  it('does not when every package that is not optional is there in its version', () => {
    write('package-lock.json', { packages: wanted });
    write('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } });
    expect(whatIsMissing(root)).toBeUndefined();
  });

  it('does not when npm has installed without a lockfile', () => {
    write('node_modules/.package-lock.json', { packages: {} });
    expect(whatIsMissing(root)).toBeUndefined();
  });

  it.each([
    ['a package is missing', {}, 'node_modules/a is missing'],
    ['a package has another version', { 'node_modules/a': { version: '2.0.0' } }, 'node_modules/a is 2.0.0'],
    [
      'an optional package has another version',
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/for-another-platform': { version: '0.9.0' } },
      'node_modules/for-another-platform is 0.9.0',
    ],
  ])('does when %s', (_, packages, reason) => {
    write('package-lock.json', { packages: wanted });
    write('node_modules/.package-lock.json', { packages });
    expect(whatIsMissing(root)).toContain(reason);
  });
});

describe('files that look like tests', () => {
  it.each([
    'test/a.spec.ts',
    'test/b/a.int.spec.ts',
    'test/a.e2e.spec.ts',
    'test/support/services.ts',
    'lib/spec.ts',
  ])('lets %s pass', (file) => expect(unmatchedWith(file)).toEqual([]));

  it.each([
    'test/a.spec1.ts',
    'test/a.test.ts',
    'test/b/a.specs.ts',
    'test/a-spec.ts',
    'test/a_test.mjs',
    'test/a.spec.mts',
    'test/a.int.spec.js',
    'lib/relay/a.spec.ts',
    'sample-app/src/a.spec.ts',
  ])('finds %s, which jest would not run', (file) =>
    expect(unmatchedWith(file)).toEqual([path.normalize(file)]),
  );

  function unmatchedWith(file: string): string[] {
    for (const folder of ['test', 'lib', 'sample-app']) mkdirSync(path.join(root, folder));
    write(file, '');
    return unmatchedTestFiles(root);
  }
});

function write(file: string, content: unknown): void {
  const target = path.join(root, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content));
}

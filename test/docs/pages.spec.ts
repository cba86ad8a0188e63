import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { anchorOf, documents, headingsOf, readDocument, repository, tableOf } from './documents.js';

describe('links', () => {
  const links = documents().flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      [...line.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target = '']) => ({
        target,
        from: `${file}:${index + 1}`,
        file: path.posix.normalize(path.posix.join(path.posix.dirname(file), target.split('#')[0] ?? '')),
        anchor: target.split('#')[1],
      })),
    ),
  );

  test('lead to files that exist', () => {
    const broken = links.filter(
      ({ file, target }) => !target.startsWith('#') && !existsSync(path.join(repository, file)),
    );
    expect(broken.map(({ from, target }) => `${from} ${target}`)).toEqual([]);
  });

  test('lead to headings that exist', () => {
    const broken = links.filter(({ anchor, file, target, from }) => {
      if (anchor === undefined) return false;
      const page = readDocument(target.startsWith('#') ? (from.split(':')[0] ?? '') : file);
      return !headingsOf(page).map(anchorOf).includes(anchor);
    });
    expect(broken.map(({ from, target }) => `${from} ${target}`)).toEqual([]);
  });
});

describe('docs/reference/errors.md', () => {
  const { lines } = readDocument('docs/reference/errors.md');
  /** `class code`, as a heading and the line below it say. */
  const described = lines.flatMap((line, index) => {
    const name = /^### (\w+)$/.exec(line)?.[1];
    return name ? [`${name} ${lines[index + 2]?.replaceAll('`', '')}`] : [];
  });

  test('has every error of the library with its code, and no other', () => {
    const thrown = errorFiles().flatMap((file) => {
      const source = readFileSync(file, 'utf8');
      const code = /readonly code = '(\w+)'/.exec(source)?.[1];
      return code ? [`${/class (\w+)/.exec(source)?.[1]} ${code}`] : [];
    });
    expect(thrown.length).toBeGreaterThan(10);
    expect(described.sort()).toEqual(thrown.sort());
  });

  test('says cause and cure of each', () => {
    const causes = lines.filter((line) => line.startsWith('**Cause**: '));
    const cures = lines.filter((line) => line.startsWith('**Cure**: '));
    expect([causes.length, cures.length]).toEqual([described.length, described.length]);
  });

  function errorFiles(): string[] {
    const lib = path.join(repository, 'lib');
    return readdirSync(lib, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.error.ts'))
      .map((file) => path.join(lib, file));
  }
});

describe('docs/dependencies.md', () => {
  type Kind = 'dependencies' | 'peerDependencies' | 'devDependencies';
  const manifest = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as Record<
    Kind,
    Record<string, string>
  >;
  const page = readDocument('docs/dependencies.md');
  const named = (row: string[]) => [...(row[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

  test('has the reason for every runtime dependency and every peer, with its range', () => {
    const [runtime, peers] = [tableOf(page, 'Package', 'Why'), tableOf(page, 'Package', 'Range', 'Why')];
    expect(runtime.flatMap(named).sort()).toEqual(Object.keys(manifest.dependencies).sort());
    const ranges = peers.map((row) => [named(row)[0], row[1]?.replaceAll('`', '')]);
    expect(Object.fromEntries(ranges)).toEqual(manifest.peerDependencies);
  });

  test('has the reason for every development dependency that is not a peer', () => {
    const development = page.lines.slice(page.lines.indexOf('## Development'));
    const rows = tableOf({ ...page, lines: development }, 'Package', 'Why');
    const others = Object.keys(manifest.devDependencies).filter(
      (name) => !(name in manifest.peerDependencies),
    );
    expect(rows.flatMap(named).sort()).toEqual(others.sort());
  });
});

describe('CONTRIBUTING.md', () => {
  test('sends nobody to a file that is not there', () => {
    const page = readDocument('CONTRIBUTING.md');
    const named = tableOf(page, 'To change', 'Open').flatMap(([, cell = '']) => filesIn(cell));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((file) => !existsSync(path.join(repository, file)))).toEqual([]);
  });

  /** Paths in backticks; one without a folder stands in that of the one before it. */
  function filesIn(cell: string): string[] {
    let folder = '';
    return [...cell.matchAll(/`([\w./*-]+)`/g)].map(([, name = '']) => {
      const file = /^(lib|docs|test|sample-app)\//.test(name) ? name : path.posix.join(folder, name);
      folder = path.posix.dirname(file);
      return file.includes('*') ? folder : file;
    });
  }
});

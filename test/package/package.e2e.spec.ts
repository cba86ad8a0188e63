import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPlayground, type Playground } from '../support/outbox-app.js';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
const modules = path.join(repository, 'node_modules');
const NAME = 'nestjs-rabbitmq-outbox';

interface Manifest {
  bin: { outbox: string };
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

let root: string;
let tarball: string;
let files: string[];
let manifest: Manifest;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'package-spec-'));
  const clone = await cleanClone();
  manifest = JSON.parse(await readFile(path.join(clone, 'package.json'), 'utf8')) as Manifest;
  // Runs `prepack`, which builds the library: what is packed is what the sources say.
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', root], { cwd: clone });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [
    { filename: string; files: { path: string }[] },
  ];
  tarball = path.join(root, packed.filename);
  files = packed.files.map((file) => file.path);
}, 120_000);

afterAll(() => rm(root, { recursive: true, force: true }));

describe('the tarball', () => {
  test('contains the compiled library with its types, four documents, and nothing else', () => {
    const beside = files.filter((file) => !file.startsWith('dist/lib/'));
    expect(beside.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    const code = files.filter((file) => file.startsWith('dist/lib/') && !/\.(js|d\.ts)$/.test(file));
    expect(code).toEqual([]);
    expect(files.filter((file) => /\.spec\.|tsbuildinfo|\.map$/.test(file))).toEqual([]);
    for (const file of files.filter((name) => name.endsWith('.js')))
      expect(files).toContain(file.replace(/\.js$/, '.d.ts'));
    expect(files).toEqual(
      expect.arrayContaining(['dist/lib/index.js', 'dist/lib/index.d.ts', 'dist/lib/testing/index.js']),
    );
  });

  test('has no fault or warning that publint knows', async () => {
    const { stdout } = await bin('publint/src/cli.js', ['run', tarball, '--strict']);
    expect(stdout).toContain('All good!');
  });

  test('has types that are right for ESM, says arethetypeswrong', async () => {
    const { stdout } = await bin('@arethetypeswrong/cli/dist/index.js', [
      tarball,
      ...['--profile', 'esm-only', '--format', 'json'],
    ]);
    const { analysis } = JSON.parse(stdout) as { analysis: { problems: { kind: string }[] } };
    // It means `require()` without require(esm), which Node has had since 20.19.
    const unlessRequire = analysis.problems.filter(({ kind }) => kind !== 'CJSResolvesToESM');
    expect(unlessRequire).toEqual([]);
  });
});

describe('an application that installed it', () => {
  const nodenext = { module: 'nodenext' };
  const node10 = { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' };
  let playground: Playground;

  beforeAll(async () => {
    playground = await createPlayground();
    playground.remember('queue', `${playground.name}.Greeter.handle`);
    playground.remember('queue', `${playground.name}.Greeter.handle.dlq`);
  });

  afterAll(() => playground?.close());

  test.each([
    ['an ES module', 'module', nodenext],
    ['CommonJS that require()s it', 'commonjs', nodenext],
    ['CommonJS of the old kind (module commonjs, moduleResolution node10)', 'commonjs', node10],
  ])(
    'compiles, starts, emits and handles as %s',
    async (name, type, compilerOptions) => {
      const app = await install(name.replace(/\W+/g, '-'), { type });
      await cp(path.join(repository, 'test/package/consumer/app.ts'), path.join(app, 'app.ts'));
      await writeFile(
        path.join(app, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: { ...STRICT, ...compilerOptions } }),
      );
      await bin('typescript/bin/tsc', ['-p', app]);
      const { stdout } = await run(process.execPath, ['out/app.js'], { cwd: app, env: environment() });
      expect(stdout).toBe('Hello, Ada: user.created\nfunction\n');
    },
    60_000,
  );

  test('gets the same names from import and from require()', async () => {
    const app = await install('names', { type: 'commonjs' });
    const program = `import('${NAME}').then((all) => {
      const required = require('${NAME}');
      const same = Object.keys(all).filter((name) => name !== 'default' && all[name] === required[name]);
      console.log(same.sort().join(' '));
    });`;
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: app });
    const names = Object.keys(await import('nestjs-rabbitmq-outbox'));
    expect(stdout.trim()).toBe(names.sort().join(' '));
  });

  test('has the command `outbox`, which finds the data source of the application', async () => {
    const app = await install('command', { type: 'module' });
    const script = path.join(app, 'node_modules', NAME, manifest.bin.outbox);
    await chmod(script, 0o755); // As npm does.
    const { name, databaseUrl } = playground;
    await writeFile(
      path.join(app, 'data-source.js'),
      `import { DataSource } from 'typeorm';
export default new DataSource({ type: 'postgres', url: process.env.DATABASE_URL, schema: '${name}' });`,
    );
    const outbox = (...args: string[]) =>
      run(script, [...args, '-d', 'data-source.js'], {
        cwd: app,
        env: { ...environment(), DATABASE_URL: databaseUrl },
      });
    await outbox('migrate');
    expect((await outbox('status')).stdout).toContain('up to date');
  });

  function environment(): NodeJS.ProcessEnv {
    const { name, databaseUrl, rabbitUrl } = playground;
    return { PATH: process.env.PATH, DATABASE_URL: databaseUrl, RABBITMQ_URL: rabbitUrl, NAME: name };
  }
});

/** Checks the library’s own declarations too (`skipLibCheck: false`). */
const STRICT = {
  target: 'ES2022',
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: false,
  types: ['node'],
  rootDir: '.',
  outDir: 'out',
};

/** The repository as git would give it, with the installed modules of this one. */
async function cleanClone(): Promise<string> {
  const clone = path.join(root, 'clone');
  const left = new Set(['.git', 'node_modules', 'dist', 'coverage', '.cache']);
  await cp(repository, clone, {
    recursive: true,
    filter: (source) => !left.has(path.relative(repository, source)),
  });
  await symlink(modules, path.join(clone, 'node_modules'));
  return clone;
}

/**
 * What `npm install` would do, without a registry: the unpacked tarball beside links to its dependencies and to the
 * peers it requires. Optional peers, and whatever else the repository has, are not there.
 */
async function install(folder: string, { type }: { type: string }): Promise<string> {
  const app = path.join(root, folder);
  const target = path.join(app, 'node_modules', NAME);
  await mkdir(target, { recursive: true });
  await writeFile(path.join(app, 'package.json'), JSON.stringify({ name: folder, private: true, type }));
  await run('tar', ['-xzf', tarball, '-C', target, '--strip-components', '1']);
  const { dependencies, peerDependencies, peerDependenciesMeta: meta } = manifest;
  const required = Object.keys(peerDependencies).filter((name) => !meta[name]?.optional);
  for (const name of [...Object.keys(dependencies), ...required, '@types/node']) {
    const link = path.join(app, 'node_modules', name);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(path.join(modules, name), link);
  }
  return app;
}

/** Runs a tool of the repository. Rejects with what it printed. */
async function bin(script: string, args: string[]): Promise<{ stdout: string }> {
  try {
    return await run(process.execPath, [path.join(modules, script), ...args], {
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${script} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

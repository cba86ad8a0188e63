import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const folder = fileURLToPath(new URL('../types', import.meta.url));
const DIRECTIVE = /^\s*\/\/ @ts-expect-error/;

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(path.join(folder, 'tsconfig.json'), (file) => ts.sys.readFile(file)).config,
  ts.sys,
  folder,
);

/** What no test changes is parsed once. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function compilerHost(target: string, change: (text: string) => string): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (name, languageVersion) => {
    if (path.resolve(name) === target)
      return ts.createSourceFile(name, change(readFileSync(target, 'utf8')), languageVersion);
    if (!parsed.has(name)) parsed.set(name, parse(name, languageVersion));
    return parsed.get(name);
  };
  return host;
}

/** Lines, from 1, that the compiler complains of in a file of test/types, and what it says. */
function complaints(file: string, change = (text: string) => text): Map<number, string> {
  const target = path.join(folder, file);
  const program = ts.createProgram([target], options, compilerHost(target, change));
  const found = [
    ...program.getSemanticDiagnostics(program.getSourceFile(target)),
    ...program.getSyntacticDiagnostics(program.getSourceFile(target)),
  ];
  return new Map(
    found.map(({ file: source, start = 0, messageText }) => [
      (source?.getLineAndCharacterOfPosition(start).line ?? -1) + 1,
      ts.flattenDiagnosticMessageText(messageText, '\n'),
    ]),
  );
}

const refusals = (file: string) =>
  readFileSync(path.join(folder, file), 'utf8')
    .split('\n')
    .flatMap((line, index) => (DIRECTIVE.test(line) ? [index + 1] : []));

describe.each(['registered.ts', 'unregistered.ts'])('the compiler, given %s,', (file) => {
  test('allows what is right, and refuses what is wrong', () => {
    expect(complaints(file)).toEqual(new Map());
  });

  test('refuses each of the wrong ones by itself, in the line where it is wrong or in its statement', () => {
    const withoutDirectives = (text: string) => text.replaceAll('@ts-expect-error', 'wrong:');
    const found = [...complaints(file, withoutDirectives).keys()];
    const marked = refusals(file);
    expect(marked.length).toBeGreaterThan(3);
    expect(found).toEqual(marked.map((line) => line + 1));
  });
});

test('registration works through what the package exports to others', () => {
  const built = path.join(folder, '../../dist/lib/index.d.ts');
  const program = ts.createProgram([path.join(folder, 'registered.ts')], {
    ...options,
    paths: { 'nestjs-rabbitmq-outbox': [built] },
  });
  expect(program.getSourceFile(built)).toBeDefined();
  const found = ts.getPreEmitDiagnostics(program, program.getSourceFile(path.join(folder, 'registered.ts')));
  expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});

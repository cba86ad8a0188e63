import { rmSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { blocksOf, documents, repository } from './documents.js';
import { snippetFolder, writeModules, type SnippetModule } from './snippets.js';

const folder = snippetFolder();
const modules = documents().flatMap((document) => writeModules(document, folder));
let program: ts.Program;

beforeAll(() => {
  program = ts.createProgram(
    modules.map(({ file }) => file),
    compilerOptions(),
  );
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

test.each(modules)('the snippets of $document, "$section", compile', ({ file }) => {
  const source = program.getSourceFile(file);
  const found = ts.getPreEmitDiagnostics(program, source).map(describeDiagnostic);
  expect(found).toEqual([]);
});

test('there are snippets in the README and in every guide', () => {
  const found = new Set(modules.map(({ document }: SnippetModule) => document));
  for (const file of ['README.md', 'docs/start.md', 'docs/emitting.md', 'docs/handling.md'])
    expect(found).toContain(file);
});

test('every block says what it is, and TypeScript is called ts', () => {
  const known = ['ts', 'sql', 'bash', 'sh', 'text', 'mermaid'];
  const others = documents()
    .flatMap(blocksOf)
    .filter(({ language }) => !known.includes(language))
    .map(({ document, line, language }) => `${document}:${line} ${language || 'nothing'}`);
  expect(others).toEqual([]);
});

/** Those of the repository. What a snippet declares it need not use. */
function compilerOptions(): ts.CompilerOptions {
  const file = path.join(repository, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, (name) => ts.sys.readFile(name)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repository);
  return { ...options, noUnusedLocals: false, noUnusedParameters: false };
}

function describeDiagnostic({ file, start = 0, messageText }: ts.Diagnostic): string {
  const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { type Consumer, createConsumer } from './packed-package.js';

const types = (express: string) => ({
  express: 'express',
  redis: 'redis',
  'redis-om': 'redis-om',
  '@types/express': express,
  '@types/node': '@types/node',
});

const options: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noEmit: true,
  types: ['node'],
};

jest.setTimeout(120_000);

/** The declarations of Node, Express and Redis are the same ones in every project; they are parsed once. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function compilerHost(folder: string): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    getCurrentDirectory: () => folder,
    getSourceFile: (name, ...rest) => {
      if (name.startsWith(folder)) return host.getSourceFile(name, ...rest);
      if (!parsed.has(name)) parsed.set(name, host.getSourceFile(name, ...rest));
      return parsed.get(name);
    },
  };
}

/** What the compiler says about the project's own files and about the declarations of our package. */
function complaints(folder: string, files: readonly string[]): string[] {
  const home = realpathSync(folder);
  const program = ts.createProgram({
    rootNames: files.map((file) => join(home, file)),
    options,
    host: compilerHost(home),
  });
  const ours = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(home) && !fileName.includes('/node_modules/@types/'));
  expect(ours.length).toBeGreaterThan(files.length);
  const diagnostics = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...ours.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]),
  ];
  return diagnostics.map(({ file, start = 0, messageText }) => {
    const line = file
      ? `${file.fileName.slice(home.length + 1)}:${String(file.getLineAndCharacterOfPosition(start).line + 1)} `
      : '';
    return line + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
}

describe.each([
  ['module', '@types/express'],
  ['module', '@types/express4'],
  ['commonjs', '@types/express'],
  ['commonjs', '@types/express4'],
])('the tarball in a TypeScript project of type %s with %s', (type, express) => {
  let consumer: Consumer;

  beforeAll(() => {
    consumer = createConsumer('typescript', types(express));
    writeFileSync(join(consumer.folder, 'package.json'), JSON.stringify({ private: true, type }));
  });

  afterAll(() => {
    consumer.remove();
  });

  it('compiles, with the types inferred, and refuses wrong use', () => {
    expect(complaints(consumer.folder, ['app.ts', 'sources.ts', 'wrong-use.ts'])).toEqual([]);
  });
});

describe('the check of types', () => {
  it('can fail', () => {
    const consumer = createConsumer('typescript', types('@types/express'));
    const text = `import { PrefetchCache } from 'express-prefetch-cache';\nnew PrefetchCache({});\n`;
    writeFileSync(join(consumer.folder, 'bad.ts'), text);
    expect(complaints(consumer.folder, ['bad.ts'])).toEqual([expect.stringContaining('bad.ts:2')]);
    consumer.remove();
  });
});

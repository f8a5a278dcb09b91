import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

/** One import, re-export, dynamic import, `require` or `import('…')` type. */
export interface Import {
  /** The importing module, such as `cache/prefetch-cache.ts`. */
  readonly from: string;
  /** Another module of the same tree, such as `errors.ts`, or a package as it is written. */
  readonly to: string;
  readonly kind: 'module' | 'package';
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/** The text of every TypeScript module below a folder, by its path from there. */
export function readModules(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return new Map(
    names.map((name) => [
      relative(folder, join(folder, name)).split(sep).join('/'),
      readFileSync(join(folder, name), 'utf8'),
    ]),
  );
}

export function importsOf(modules: ReadonlyMap<string, string>): Import[] {
  return [...modules].flatMap(([from, text]) => {
    const source = ts.createSourceFile(from, text, ts.ScriptTarget.Latest, true);
    return specifiersIn(source).map(({ specifier, typeOnly }): Import => {
      if (!specifier.startsWith('.')) return { from, to: specifier, kind: 'package', typeOnly };
      const to = posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
      return { from, to, kind: 'module', typeOnly };
    });
  });
}

/** Every circle of modules, each once, as the path around it. A circle of types counts: it is one all the same. */
export function circlesIn(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to, kind } of imports) {
    if (kind === 'module') targets.set(from, [...(targets.get(from) ?? []), to]);
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (module: string, path: readonly string[]): void => {
    const start = path.indexOf(module);
    if (start >= 0) circles.push([...path.slice(start), module].join(' → '));
    if (start >= 0 || done.has(module)) return;
    for (const target of targets.get(module) ?? []) visit(target, [...path, module]);
    done.add(module);
  };
  for (const module of targets.keys()) visit(module, []);
  return circles;
}

interface Specifier {
  specifier: string;
  typeOnly: boolean;
}

function specifiersIn(source: ts.SourceFile): Specifier[] {
  const found: Specifier[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isCallExpression(node) && loadsModule(node)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `import { type A }` is not: it is left as `import {}` at run time. */
function isTypeOnly(clause: ts.ImportClause | ts.ExportDeclaration | undefined): boolean {
  if (clause === undefined) return false;
  return ts.isExportDeclaration(clause)
    ? clause.isTypeOnly
    : clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function loadsModule({ expression }: ts.CallExpression): boolean {
  return (
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === 'require')
  );
}

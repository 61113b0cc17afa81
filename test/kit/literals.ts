import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/** One text in the sources: a string, or the fixed parts of a template with `${}` for what stands between them. */
export interface Literal {
  readonly file: string;
  readonly text: string;
  /** Argument of a log line or of an error's constructor. */
  readonly isForLog: boolean;
}

/** Every text in the TypeScript files of a folder, imports and types left out. */
export function literalsIn(folder: string): Literal[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .flatMap((name) => {
      const file = path.join(folder, name);
      return literalsOf(ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true));
    });
}

function literalsOf(source: ts.SourceFile): Literal[] {
  const found: Literal[] = [];
  function visit(node: ts.Node, isForLog: boolean): void {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    const text = textOf(node);
    if (text !== null) found.push({ file: source.fileName, text, isForLog });
    const isLogging = isForLog || isError(node) || isLogCall(node);
    ts.forEachChild(node, (child) => visit(child, isLogging));
  }
  visit(source, false);
  return found;
}

function textOf(node: ts.Node): string | null {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return null;
  return node.head.text + node.templateSpans.map(({ literal }) => `\${}${literal.text}`).join("");
}

function isError(node: ts.Node): boolean {
  if (ts.isCallExpression(node)) return node.expression.kind === ts.SyntaxKind.SuperKeyword;
  return ts.isNewExpression(node) && /Error$|^Provider|^TooMany$|^Busy$/.test(node.expression.getText());
}

function isLogCall(node: ts.Node): boolean {
  return ts.isCallExpression(node) && /\blog\.(info|warn|error)$/.test(node.expression.getText());
}

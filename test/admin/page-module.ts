// page-module: imports a module of the page into Node, for tests of those that need no browser.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const folder = 'page/src';
let made: string | undefined;

/** `path` is below page/src, without its ending. */
export async function importPageModule<Module>(path: string): Promise<Module> {
  made ??= transpile();
  return (await import(pathToFileURL(join(made, `${path}.js`)).href)) as Module;
}

function transpile(): string {
  const target = mkdtempSync(join(tmpdir(), 'kvasir-page-'));
  process.on('exit', () => rmSync(target, { recursive: true, force: true }));
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(folder, name), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ES2022,
        verbatimModuleSyntax: true,
      },
    });
    const path = join(target, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, outputText);
  }
  return target;
}

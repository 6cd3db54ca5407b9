// The package as others get it: which files it holds, where its pages lead, and what a compiler makes of its declarations.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import ts from 'typescript';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly main: string;
  readonly types: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: { readonly '.': { readonly types: string; readonly default: string } };
};

describe('the package', () => {
  let paths: readonly string[];
  let bytes: number;
  before(() => {
    // Without scripts: the build is there, and must not run beside other tests.
    const { stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    assert.ok(stdout.includes('['), stderr);
    const [packed] = JSON.parse(stdout) as { unpackedSize: number; files: { path: string }[] }[];
    paths = packed!.files.map(({ path }) => path);
    bytes = packed!.unpackedSize;
  });

  it('is small: the bundles, their declarations, the sample configuration and the pages', () => {
    const allowed =
      /^(dist\/bundle\/[\w-]+\.js|dist\/bundle\/[\w-]+\.d\.ts|docs\/(recipes\/)?[\w-]+\.md|kvasir\.conf|package\.json|LICENSE|[A-Z]+\.md)$/;
    assert.deepEqual(
      paths.filter((path) => !allowed.test(path)),
      [],
    );
    assert.ok(paths.length < 200, `${paths.length} files`);
    assert.ok(bytes < 6_000_000, `${bytes} bytes`);
  });

  it('holds all that its manifest names', () => {
    const { main, types, bin, exports } = manifest;
    const named = [
      main,
      types,
      ...Object.values(bin),
      ...Object.values(exports).flatMap((entry) => Object.values(entry)),
    ];
    assert.deepEqual(
      named.filter((path) => !paths.includes(posix.normalize(path))),
      [],
    );
  });

  it('has pages whose links lead into the package, or to an address', () => {
    const dead: string[] = [];
    for (const page of paths.filter((path) => path.endsWith('.md'))) {
      for (const [, link] of readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|#)/.test(link!)) continue;
        const path = posix.join(posix.dirname(page), link!.replace(/#.*$/, ''));
        if (!paths.includes(path)) dead.push(`${page}: ${link}`);
      }
    }
    assert.deepEqual(dead, []);
  });
});

describe("the package's declarations", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'package-'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const path of ['package.json', manifest.types]) {
      const target = join(folder, 'node_modules/kvasir', path);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(path, target);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What the compiler says of a program that uses the package; also of the declarations themselves. */
  function compile(text: string, options: ts.CompilerOptions): string[] {
    const path = join(folder, 'program.ts');
    writeFileSync(path, text);
    const program = ts.createProgram([path], {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts'],
      strict: true,
      noEmit: true,
      types: [],
      ...options,
    });
    const sources = program
      .getSourceFiles()
      .filter(({ fileName }) => !program.isSourceFileDefaultLibrary(program.getSourceFile(fileName)!));
    return [
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...sources.flatMap((source) => [
        ...program.getSyntacticDiagnostics(source),
        ...program.getSemanticDiagnostics(source),
      ]),
    ].map(({ code, messageText }) => `TS${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  }

  const resolutions: readonly (readonly [string, ts.CompilerOptions])[] = [
    ['node10', { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10 }],
    ['bundler', { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
    ['nodenext', { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
  ];
  const withNode: ts.CompilerOptions = {
    types: ['node'],
    typeRoots: [resolve('node_modules/@types')],
    skipLibCheck: true,
  };
  const use = `
    import { startServer, type EmbeddedServer, type StartOptions } from 'kvasir';
    const options: StartOptions = { port: 0, maxmemory: '10mb', appendonly: true, save: ['900', 1], 'maxmemory-policy': 'allkeys-lru' };
    export async function run(): Promise<void> {
      const server: EmbeddedServer = await startServer({ ...options, log: (level, text) => void \`\${level} \${text}\` });
      server.connect().write('PING');
      await server[Symbol.asyncDispose]();
    }`;

  for (const [name, options] of resolutions) {
    it(`are found and right with moduleResolution ${name}, without the types of Node`, () => {
      assert.deepEqual(compile(use, options), []);
    });
  }

  it("give Node's own stream where its types are there, and bear an `await using`", () => {
    const text = `
      import type { Duplex } from 'node:stream';
      import { startServer } from 'kvasir';
      export async function run(): Promise<void> {
        await using server = await startServer({ port: false });
        const stream: Duplex = server.connect();
        // @ts-expect-error: it is no \`any\`
        stream.nosuch();
      }`;
    assert.deepEqual(compile(text, { ...resolutions[1]![1], ...withNode, lib: ['lib.esnext.d.ts'] }), []);
  });

  it('know a misspelt option and a wrong value', () => {
    const wrong = [
      "{ maxmemori: '1mb' }",
      "{ 'maxmemory-policy': 'lru' }",
      "{ appendonly: 'on' }",
      '{ log: true }',
      '{ port: null }',
    ];
    for (const options of wrong) {
      const found = compile(`import { startServer } from 'kvasir'; void startServer(${options});`, resolutions[1]![1]);
      assert.equal(found.length, 1, `${options}: ${found.join(', ')}`);
    }
  });
});

// The package as others get it: which files it holds, where its pages lead, and what a compiler makes of its declarations.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly main: string;
  readonly types: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<
    Record<string, string | Readonly<Record<string, string | Readonly<Record<string, string>>>>>
  >;
};

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** Paths of an entry under all its conditions. */
function pathsOf(entry: (typeof manifest.exports)[string]): string[] {
  return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(pathsOf);
}

describe('the package', () => {
  let paths: readonly string[];
  let bytes: number;
  let packedBytes: number;
  before(() => {
    // Without scripts: the build exists, and must not run beside other tests.
    const { stdout, stderr } = spawnSync('npm', ['publish', '--dry-run', '--json', '--ignore-scripts'], {
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    assert.ok(stdout.includes('{'), stderr);
    const printed = JSON.parse(stdout) as Packed | Readonly<Record<'kvasir', Packed>>;
    // npm 11 prints the package below its name.
    const packed = 'kvasir' in printed ? printed.kvasir : printed;
    paths = packed.files.map(({ path }) => path);
    bytes = packed.unpackedSize;
    packedBytes = packed.size;
  });

  it('is small: the bundles, their declarations, the sample configuration and the pages', (t) => {
    t.diagnostic(`${paths.length} files, ${packedBytes} bytes packed, ${bytes} bytes installed`);
    const allowed =
      /^(dist\/bundle\/[\w-]+\.c?js|dist\/bundle\/admin\/[\w.-]+\.(js|css|html|svg|txt)|dist\/bundle\/[\w-]+\.d\.c?ts|docs\/((recipes|clients|guides(\/zh)?)\/)?[\w-]+\.md|docs\/pictures\/[\w-]+\.(png|svg)|docs\/grafana-dashboard\.json|deploy\/[\w./@-]+|kvasir\.conf|package\.json|LICENSE|[A-Z]+\.md)$/;
    assert.deepEqual(
      paths.filter((path) => !allowed.test(path)),
      [],
    );
    assert.ok(paths.length < 500, `${paths.length} files`);
    assert.ok(packedBytes < 4_200_000, `${packedBytes} bytes packed`);
    assert.ok(bytes < 17_000_000, `${bytes} bytes installed`);
  });

  it('holds all that its manifest names', () => {
    const { main, types, bin, exports } = manifest;
    const named = [main, types, ...Object.values(bin), ...Object.values(exports).flatMap(pathsOf)];
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
        // A folder is shown where the sources are.
        if (!paths.some((packed) => packed === path || packed.startsWith(`${path}/`))) dead.push(`${page}: ${link}`);
      }
    }
    assert.deepEqual(dead, []);
  });
});

describe('the packed package', () => {
  let folder: string;
  let tarball: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'packed-'));
    const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const stdout = execFileSync('npm', words, { encoding: 'utf8', shell: process.platform === 'win32' });
    tarball = join(folder, (JSON.parse(stdout) as { filename: string }[])[0]!.filename);
    const installed = join(folder, 'node_modules/kvasir');
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has nothing that publint finds fault with', async () => {
    const { messages, pkg } = await publint({ pkgDir: join(folder, 'node_modules/kvasir'), pack: false, strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });

  it('has the right types by import and by require, with node16 and with bundlers', () => {
    const command = createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json');
    const script = join(dirname(command), 'dist/index.js');
    // The entries for vitest and for pages are modules alone. node10 knows no entries besides the first, whose types another test compiles with it.
    const { stdout, status } = spawnSync(
      process.execPath,
      [script, tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stdout);
  });

  it('has the page of the admin, built, and serves it with the first log-in link', async (t) => {
    const program = join(folder, 'node_modules/kvasir', manifest.bin['kvasir-admin']!);
    const words = [program, '--port', '0', '--no-history', '--data', join(folder, 'admin')];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(async () => {
      if (child.exitCode === null && child.kill()) await once(child, 'exit');
    });
    let said = '';
    child.stdout.on('data', (part: Buffer) => (said += part.toString()));
    while (!said.includes('#setup=')) await once(child.stdout, 'data');
    const [, url] = /listens on (\S+)/.exec(said)!;
    const page = await (await fetch(url!)).text();
    for (const [, name] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const answer = await fetch(new URL(name!, url));
      assert.equal(answer.status, 200, name);
      assert.ok((await answer.text()).length > 100, name);
    }
    assert.match(page, /src="app\.js"/);
  });

  for (const [file, module, moduleResolution] of [
    ['entries.mts', ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
    ['entries.cts', ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
    ['entries.ts', ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
  ] as const) {
    it(`has declarations that a compiler finds no fault with, all entries together in ${file}`, () => {
      const names = Object.entries(manifest.exports).filter(
        ([, entry]) => typeof entry !== 'string' && (file !== 'entries.cts' || 'require' in entry),
      );
      assert.ok(names.length >= 10);
      const path = join(folder, file);
      writeFileSync(
        path,
        names.map(([name], index) => `export * as entry${index} from 'kvasir${name.slice(1)}';\n`).join(''),
      );
      const program = ts.createProgram([path], {
        target: ts.ScriptTarget.ES2022,
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        types: ['node'],
        typeRoots: [resolve('node_modules/@types')],
      });
      const ours = ts
        .getPreEmitDiagnostics(program)
        .filter(({ file: source }) => source === undefined || source.fileName.startsWith(folder));
      assert.deepEqual(
        ours.map(
          ({ file: source, code, messageText }) =>
            `${source?.fileName}: TS${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
        ),
        [],
      );
    });
  }

  it('gives the same names by import and by require, and serves by both', () => {
    const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json');
    const names = entries
      .map((name) => `kvasir${name.slice(1)}`)
      .filter((name) => !/test|setup|environment/.test(name));
    assert.ok(names.length >= 6);
    writeFileSync(
      join(folder, 'program.mjs'),
      `import assert from 'node:assert/strict';
       import { createRequire } from 'node:module';
       const require = createRequire(import.meta.url);
       for (const name of ${JSON.stringify([...names, 'kvasir/testing'])})
         assert.deepEqual(Object.keys(require(name)).sort(), Object.keys(await import(name)).sort(), name);
       const { startServer } = require('kvasir');
       const { createServer } = require('kvasir/testing');
       // A snapshot is written by a thread, which has to be found from here.
       const server = await startServer({ port: false, dir: ${JSON.stringify(folder)}, save: '' });
       const stream = server.connect();
       let text = '';
       stream.on('data', (bytes) => (text += bytes));
       stream.write('SET a b\\r\\nBGSAVE\\r\\n');
       while (!text.includes('rdb_bgsave_in_progress:0') || !text.includes('rdb_last_save_time'))
         await new Promise((resolve) => { stream.write('INFO persistence\\r\\n'); stream.once('data', resolve); });
       assert.match(text, /Background saving started/);
       stream.destroy();
       await server.close();
       const other = await createServer();
       other.run('SET', 'a', 'b');
       assert.equal(other.run('GET', 'a'), 'b');
       await other.close();`,
    );
    execFileSync(process.execPath, [join(folder, 'program.mjs')]);
  });
});

describe("the package's declarations", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'package-'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const declarations = [manifest.types, './dist/bundle/testing.d.cts'];
    for (const path of ['package.json', ...declarations.flatMap((name) => [name, name.replace('.cts', '.ts')])]) {
      const target = join(folder, 'node_modules/kvasir', path);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(path, target);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** The compiler's errors for a program that uses the package, those in the declarations included. */
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

  it("name the preset that jest's environment makes global", () => {
    const text = `
      declare const kvasir: import('kvasir/testing').Preset;
      export function stock(): unknown {
        kvasir.keep();
        // @ts-expect-error: it is no \`any\`
        kvasir.nosuch();
        return kvasir.server.run('GET', 'stock');
      }`;
    for (const [, options] of resolutions.slice(1)) assert.deepEqual(compile(text, { ...options, ...withNode }), []);
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

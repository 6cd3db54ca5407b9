import tseslint from 'typescript-eslint';

/** Modules whose effects a simulated world could not see. */
const outerModules = [
  'node:net',
  'node:tls',
  'node:dgram',
  'node:http',
  'node:https',
  'node:fs',
  'node:fs/promises',
  'node:timers',
  'node:timers/promises',
  'node:worker_threads',
];
const clockGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'];
const useEnvironment = 'Take it from the Environment (src/io/environment.ts), so that it can be simulated.';

/**
 * Files outside `io` and `apps` that may use real time, chance, sockets, files and threads.
 * A new entry needs a reason of the same kind: the code never runs in a simulated server.
 */
const outsideSimulation = [
  // The tools and their connections: people run them, and no server loads them.
  'src/cli/**',
  'src/bench/**',
  'src/doctor/**',
  'src/transfer/**',
  'src/recipes-program/**',
  'src/mysql/**',
  'src/admin/**',
  'src/checkers/terminal.ts',
  'src/client/open-stream.ts',
  // Writes the files of a backup.
  'src/manager/commands/backup.ts',
  // The rim of a server that is a process of its own: its log, title, signals, /proc, its data folder's lock.
  'src/service/process/**',
  'src/server/process.ts',
  'src/server/daemon.ts',
  'src/server/data-lock.ts',
  'src/sentinel/process.ts',
  'src/sentinel/outgoing-tls.ts',
  'src/server/memory-bounds.ts',
  'src/server/start.ts',
  'src/scripting/warm-up.ts',
  // Doors of the real network: TLS and unix sockets.
  'src/service/doors/**',
  'src/proxy/doors/**',
  'src/proxy/process/**',
  // Looks whether a path in the configuration can be used.
  'src/service/config/special-settings.ts',
  // The recipes run in the programs of users; their time and chance come in as Surroundings, of which this is the real one.
  'src/recipes/surroundings.ts',
  // The thread that encodes snapshots; a simulated server encodes on its own thread.
  'src/persistence/snapshot/snapshot-sink.ts',
  'src/persistence/snapshot/snapshot-worker.ts',
  // What pages have in the place of Node.
  'src/browser/node/**',
  // The simulator waits for real promises, and reports how long a search took.
  'src/simulation/world.ts',
  'src/simulation/main.ts',
];

const namedExports = { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' };

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.runtimes/**'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always'],
      'no-var': 'error',
      'prefer-const': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-restricted-syntax': ['error', namedExports],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/io/**', 'src/apps/**', 'src/**/*.{test,bench,fuzz}.ts', ...outsideSimulation],
    rules: {
      'no-restricted-imports': ['error', { paths: outerModules.map((name) => ({ name, message: useEnvironment })) }],
      'no-restricted-globals': ['error', ...clockGlobals.map((name) => ({ name, message: useEnvironment }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: useEnvironment },
        { object: 'performance', property: 'now', message: useEnvironment },
        { object: 'process', property: 'hrtime', message: useEnvironment },
        { object: 'Math', property: 'random', message: useEnvironment },
        ...['globalThis', 'global'].flatMap((object) =>
          clockGlobals.map((property) => ({ object, property, message: useEnvironment })),
        ),
      ],
      'no-restricted-syntax': [
        'error',
        namedExports,
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: useEnvironment },
      ],
    },
  },
  { files: ['eslint*.config.mjs'], rules: { 'no-restricted-syntax': 'off' } },
);

// The rules that need types, apart from the others because they take the time of a type check: `npm run lint` runs both.
import tseslint from 'typescript-eslint';

const testFunctions = ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'];

export default tseslint.config({
  files: ['src/**/*.ts', 'test/**/*.ts'],
  plugins: { '@typescript-eslint': tseslint.plugin },
  languageOptions: {
    parser: tseslint.parser,
    parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
  },
  linterOptions: { reportUnusedDisableDirectives: 'off' },
  rules: {
    // Of node:test, the runner itself waits for what these return.
    '@typescript-eslint/no-floating-promises': [
      'error',
      { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: testFunctions }] },
    ],
  },
});

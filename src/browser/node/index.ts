// index: Node's globals and modules for pages, as far as a browser can have them.

import * as crypto from './crypto.js';
import * as path from './path.js';
import * as system from './system.js';

export { Buffer } from './buffer.js';
export { process } from './process.js';
export { clearImmediate, setImmediate } from './immediate.js';

export const modules: Readonly<Record<string, object>> = {
  'node:crypto': crypto,
  'node:os': system,
  'node:path': path,
  'node:perf_hooks': system,
  'node:util': system,
  'node:v8': system,
};

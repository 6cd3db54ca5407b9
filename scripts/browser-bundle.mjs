// browser-bundle: makes one file for pages of the modules that rollup has written for Node. Called by bundle.mjs.
//
// Each module becomes a function that gets what it takes from Node: src/browser/node where a browser can do the same, else
// functions that say that a browser has no such thing. So no module of the server knows of browsers, and no second run of rollup
// is needed.
import { commonJs, neededBy } from './common-js.mjs';

const ENTRY = 'browser.js';
const NODE = 'browser-node.js';

/** Code that runs before the modules: how they find each other, and their substitute for Node. */
const preamble = `const modules = {};
const loaded = new Map();
function load(name) {
  let exports = loaded.get(name);
  if (exports === undefined) {
    loaded.set(name, (exports = {}));
    modules[name](exports, name === './browser-node.cjs' ? undefined : requireFor, node.Buffer, node.process, node.setImmediate, node.clearImmediate);
  }
  return exports;
}
function absent(module, name) {
  return function () {
    throw new Error('there is no ' + name + ' of ' + module + ' in a browser');
  };
}
function requireFor(name) {
  if (name.startsWith('./')) return load(name);
  const known = node.modules[name];
  return new Proxy(known ?? {}, { get: (target, property) => target[property] ?? absent(name, String(property)) });
}
let node = {};
`;

/** The text of the file. Each module stands in a block of its own, as it may declare what it would be given. */
export function browserBundle(output) {
  const files = [...new Set([...neededBy(['browser-node'], output), ...neededBy(['browser'], output)])];
  const functions = files.map((file) => {
    // A page has no file name; features that need one (threads) are missing too.
    const code = commonJs(file).replace("'use strict';\n", '').replaceAll('__filename', "'/'");
    const name = `./${file.fileName.replace(/js$/, 'cjs')}`;
    return `modules['${name}'] = function (exports, require, Buffer, process, setImmediate, clearImmediate) {{\n${code}}};\n`;
  });
  const { exports } = files.find(({ fileName }) => fileName === ENTRY);
  const end = `node = load('./${NODE.replace(/js$/, 'cjs')}');\nexport const { ${exports.join(', ')} } = load('./browser.cjs');\n`;
  return preamble + functions.join('') + end;
}

/** Whether a file of rollup is only a part of the file for pages. */
export function isBrowserPart({ fileName }) {
  return fileName.startsWith(ENTRY) || fileName.startsWith(NODE);
}

// common-js: turns bundles that rollup has written as modules into CommonJS. Called by bundle.mjs.
//
// Rollup could do it itself in a second run, which would take as long as the first. Its files have one shape: imports come
// first, exports stand at the end, and no two files import each other. So each import becomes a `require` whose names are
// constants, which are as fast as those of a module. A name that its own module gives another value later would not be
// renewed by that: such a name may only be exported to users, by a getter.
import { basename } from 'node:path';

const imports = /^import (?:(\w+)(?:, )?)?(?:\* as (\w+)|\{([^}]*)\})? from '([^']+)';$/gm;
const passedOn = /^export \{([^}]*)\} from '([^']+)';$/gm;
const sideEffects = /^import '([^']+)';$/gm;
const dynamic = /\bimport\('(\.[^']+)'\)/g;
const exportsAtEnd = /^export \{([^}]*)\};\s*(?:\/\/# sourceMappingURL=\S+)?\s*$/m;

const asCommon = (specifier) => (specifier.startsWith('.') ? specifier.replace(/\.js$/, '.cjs') : specifier);

function pairs(list) {
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => part.split(/ as /))
    .map(([from, to = from]) => [from, to]);
}

function exportsOf(code, list, isEntry, name) {
  return pairs(list).map(([local, shown]) => {
    if (!new RegExp(`^let ${local.replaceAll('$', '\\$')}\\b`, 'm').test(code)) return `exports.${shown} = ${local};`;
    if (!isEntry) throw new Error(`${name} exports '${local}', which changes: CommonJS would not see that`);
    return `Object.defineProperty(exports, '${shown}', { enumerable: true, get: () => ${local} });`;
  });
}

/** The text of a file as CommonJS. */
export function commonJs({ code, fileName, isEntry }) {
  const exported = exportsAtEnd.exec(code);
  const body = exported === null ? code.replace(/^\/\/# sourceMappingURL=.*$/m, '') : code.slice(0, exported.index);
  const text = body
    .replace(/^#!.*\n/, '')
    .replace(imports, (_, whole, all, list, specifier) => {
      const required = `require('${asCommon(specifier)}')`;
      const constants = [whole, all].filter((name) => name !== undefined).map((name) => `const ${name} = ${required};`);
      if (list === undefined) return constants.join(' ');
      const names = pairs(list).map(([from, to]) => (from === to ? from : `${from}: ${to}`));
      return [...constants, `const { ${names.join(', ')} } = ${required};`].join(' ');
    })
    .replace(passedOn, (_, list, specifier) =>
      pairs(list)
        .map(([from, to]) => `exports.${to} = require('${asCommon(specifier)}').${from};`)
        .join('\n'),
    )
    .replace(sideEffects, (_, specifier) => `require('${asCommon(specifier)}');`)
    .replace(dynamic, (_, specifier) => `Promise.resolve().then(() => require('${asCommon(specifier)}'))`)
    .replaceAll('import.meta.url', "require('node:url').pathToFileURL(__filename).href");
  const left = /^(import|export)\b.*/m.exec(text);
  if (left !== null) throw new Error(`${basename(fileName)}: no CommonJS for: ${left[0]}`);
  const mark = "Object.defineProperty(exports, '__esModule', { value: true });";
  const ends = exported === null ? [] : exportsOf(code, exported[1], isEntry, fileName);
  return `'use strict';\n${mark}\n${text}${ends.join('\n')}\n`;
}

/** The files that these entries need, by name. */
export function neededBy(entries, output) {
  const files = new Map(output.filter((file) => file.type === 'chunk').map((file) => [file.fileName, file]));
  const needed = new Map();
  const add = (name) => {
    const file = files.get(name);
    if (file === undefined || needed.has(name)) return;
    needed.set(name, file);
    for (const other of [...file.imports, ...file.dynamicImports]) add(other);
  };
  for (const entry of entries) add(`${entry}.js`);
  return [...needed.values()];
}

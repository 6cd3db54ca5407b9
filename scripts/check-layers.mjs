// check-layers: holds the imports of all files to the table of folders in ARCHITECTURE.md, and finds import circles.
//
//   node scripts/check-layers.mjs [ROOT]
//
// A file of src may import what its folder's row permits: folders, and modules of Node. No file is part of an import circle,
// with imports of types counted. The package has no dependencies: only tests and scripts may import packages, and folders whose row
// names one as `npm:name`, because it is bundled into their program; nothing may import a test. Tests may import everything: they
// test through the layer that users see.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkLayers } from './layers/check.mjs';

const home = join(dirname(fileURLToPath(import.meta.url)), '..');
const { problems, fileCount } = checkLayers(process.argv[2] === undefined ? home : resolve(process.argv[2]));
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n${problems.length} problems with imports\n`);
  process.exit(1);
}
process.stdout.write(`layers: ${fileCount} files keep to the table of ARCHITECTURE.md, without circles\n`);

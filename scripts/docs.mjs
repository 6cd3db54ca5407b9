// docs: writes the pages and files that are made from tables in the code. `npm run build` first.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configReference, sampleConfig } from '../dist/src/service/config/reference.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
writeFileSync(join(root, 'docs', 'config.md'), configReference());
writeFileSync(join(root, 'kvasir.conf'), sampleConfig());

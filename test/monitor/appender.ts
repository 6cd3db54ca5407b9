// appender: a process that appends rows to a history and says how many it has, until it is killed. Arguments: the folder, the first row.
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/io/clock.js';
import { RealFiles } from '../../src/io/files.js';
import { FileHistory } from '../../src/monitor/history/file-history.js';

const [folder = '', first = '0'] = process.argv.slice(2);
const history = new FileHistory({ files: new RealFiles(), clock: systemClock }, folder, (text) => writeSync(2, text));
for (let index = Number(first); ; index++) {
  history.append('a', index * 2000, [
    { name: 'n', decimals: 0, value: index },
    { name: 'half', decimals: 1, value: index / 2 },
  ]);
  writeSync(1, `${index}\n`);
}

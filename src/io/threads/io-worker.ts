// io-worker: the file that an I/O thread starts from.

import { workerData } from 'node:worker_threads';
import { ThreadLoop } from './thread-loop.js';
import type { ThreadStart } from './layout.js';

await new ThreadLoop(workerData as ThreadStart).run();

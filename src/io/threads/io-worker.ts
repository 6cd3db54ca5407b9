// io-worker: the file that an I/O thread starts from.

import { parentPort, workerData } from 'node:worker_threads';
import { ThreadLoop } from './thread-loop.js';
import type { ThreadStart } from './layout.js';
import { ThreadTls } from './thread-tls.js';

await new ThreadLoop(workerData as ThreadStart, new ThreadTls(parentPort!)).run();

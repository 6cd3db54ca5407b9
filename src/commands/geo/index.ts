// index: the geo commands.

import type { DataCommand } from '../engine.js';
import { geoadd } from './add.js';
import { geodist, geohash, geopos } from './read.js';
import {
  georadius,
  georadiusbymember,
  georadiusbymemberRo,
  georadiusRo,
  geosearch,
  geosearchstore,
} from './search-commands.js';

export const geoCommands: readonly DataCommand[] = [
  geoadd,
  geodist,
  geohash,
  geopos,
  geosearch,
  geosearchstore,
  georadius,
  georadiusRo,
  georadiusbymember,
  georadiusbymemberRo,
];

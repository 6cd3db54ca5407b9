// The commands of codis-server, which a server has with `codis-enabled yes`.
import { asyncMoves } from './async-moves.js';
import {
  slotsRestoreAsync,
  slotsRestoreAsyncAck,
  slotsRestoreAsyncAuth,
  slotsRestoreAsyncSelect,
} from './async-restore.js';
import { execWrapper } from './exec-wrapper.js';
import { slotsCheck, slotsDel, slotsHashKey, slotsInfo, slotsScan } from './reads.js';
import { slotsRestore } from './restore.js';
import { syncMoves } from './sync-moves.js';

export const codisCommands = [
  ...syncMoves,
  ...asyncMoves,
  execWrapper,
  slotsCheck,
  slotsDel,
  slotsHashKey,
  slotsInfo,
  slotsRestore,
  slotsRestoreAsync,
  slotsRestoreAsyncAck,
  slotsRestoreAsyncAuth,
  slotsRestoreAsyncSelect,
  slotsScan,
];

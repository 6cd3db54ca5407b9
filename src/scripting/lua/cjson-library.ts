import { LuaTable } from './values.js';

export function cjsonLibrary(): LuaTable {
  return new LuaTable();
}

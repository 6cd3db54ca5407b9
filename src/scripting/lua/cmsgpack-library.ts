import { LuaTable } from './values.js';

export function cmsgpackLibrary(): LuaTable {
  return new LuaTable();
}

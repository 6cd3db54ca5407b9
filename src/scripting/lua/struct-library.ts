import { LuaTable } from './values.js';

export function structLibrary(): LuaTable {
  return new LuaTable();
}

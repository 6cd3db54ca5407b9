#!/usr/bin/env node
// kvasir-recipes: shows in virtual time what the recipes protect from; see docs/recipes/README.md.
import { runRecipesProgram } from '../recipes-program/simulate-command.js';

await runRecipesProgram(process.argv.slice(2));

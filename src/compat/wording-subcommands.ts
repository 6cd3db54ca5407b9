// wording-subcommands: what containers (CONFIG, CLIENT, ...) said about a word that is no subcommand of theirs, or has too many or too few
// arguments.
//
// Since 7.0 subcommands are commands with an arity of their own. From 5.0 to 6.2 one text served both faults, before that each
// container had its own.

import { isBefore } from './profile.js';
import type { WordingRule } from './wording-rule.js';

/** OBJECT, the subcommand and a key: the command itself had this arity. */
const OBJECT_WORDS = 3;

/** Containers that already said so in 5.0 but without the full stop. */
const withoutStop = new Set(['client', 'memory']);

/** Reply of today's containers to either fault. */
const eitherFault = /^ERR Unknown subcommand or wrong number of arguments for .*/;

/** The texts of 4.0 and older: of an unknown word, and of a wrong number of arguments where it differs. */
const old: readonly WordingRule[] = [
  {
    before: '6.2.0',
    commands: ['xinfo'],
    match: /^ERR Unknown subcommand or wrong number of arguments for '(?!(consumers|groups|stream)')/i,
    to: (_groups, call) => (call.count === 2 ? "ERR syntax error, try 'XINFO HELP'" : undefined),
  },
  {
    before: '5.0.0',
    commands: ['config'],
    match: /^ERR Unknown subcommand or wrong number of arguments for '(.*)'\. Try CONFIG HELP\.?$/,
    to: (groups) =>
      /^(get|set|resetstat|rewrite)$/i.test(groups[1]!)
        ? `ERR Wrong number of arguments for CONFIG ${groups[1]}`
        : 'ERR CONFIG subcommand must be one of GET, SET, RESETSTAT, REWRITE',
  },
  {
    before: '2.8.0',
    commands: ['config'],
    match: /^ERR CONFIG subcommand must be one of GET, SET, RESETSTAT, REWRITE$/,
    to: 'ERR CONFIG subcommand must be one of GET, SET, RESETSTAT',
  },
  {
    before: '5.0.0',
    commands: ['client'],
    match: eitherFault,
    to: 'ERR Syntax error, try CLIENT (LIST | KILL | GETNAME | SETNAME | PAUSE | REPLY)',
  },
  {
    before: '3.2.0',
    commands: ['client'],
    match: /^ERR Syntax error, try CLIENT .*/,
    to: 'ERR Syntax error, try CLIENT (LIST | KILL ip:port | GETNAME | SETNAME connection-name)',
  },
  {
    before: '2.6.0',
    commands: ['client'],
    match: /^ERR Syntax error, try CLIENT .*/,
    to: 'ERR Syntax error, try CLIENT (LIST | KILL ip:port)',
  },
  {
    before: '5.0.0',
    commands: ['object'],
    match: /^(ERR Unknown subcommand or wrong number of arguments for .*) HELP\.?$/,
    to: '$1 help',
  },
  {
    before: '4.0.0',
    commands: ['object'],
    match: eitherFault,
    to: 'ERR Syntax error. Try OBJECT (refcount|encoding|idletime)',
  },
  {
    before: '5.0.0',
    commands: ['script'],
    match: eitherFault,
    to: 'ERR Unknown SCRIPT subcommand or wrong # of args.',
  },
  {
    before: '5.0.0',
    commands: ['slowlog'],
    match: eitherFault,
    to: 'ERR Unknown SLOWLOG subcommand or wrong # of args. Try GET, RESET, LEN.',
  },
  {
    before: '5.0.0',
    commands: ['pubsub'],
    match: /^ERR Unknown subcommand or wrong number of arguments for '(.*)'\. Try PUBSUB HELP\.?$/,
    to: "ERR Unknown PUBSUB subcommand or wrong number of arguments for '$1'",
  },
  {
    before: '5.0.0',
    commands: ['command'],
    match: eitherFault,
    to: 'ERR Unknown subcommand or wrong number of arguments.',
  },
  {
    before: '5.0.0',
    commands: ['latency'],
    match: eitherFault,
    to: 'ERR syntax error',
  },
  {
    before: '5.0.0',
    commands: ['memory'],
    match: eitherFault,
    to: 'ERR Syntax error. Try MEMORY HELP',
  },
  {
    before: '5.0.0',
    commands: ['debug'],
    match: /^ERR Unknown subcommand or wrong number of arguments for '(.*)'\. Try DEBUG HELP\.?$/,
    to: "ERR Unknown DEBUG subcommand or wrong number of arguments for '$1'",
  },
];

export const subcommandRules: readonly WordingRule[] = [
  {
    before: '7.0.0',
    match: /^ERR unknown subcommand '(.*)'\. Try (\S+) HELP\.$/,
    to: "ERR Unknown subcommand or wrong number of arguments for '$1'. Try $2 HELP.",
  },
  {
    before: '7.0.0',
    match: /^ERR unknown subcommand or wrong number of arguments for /,
    to: 'ERR Unknown subcommand or wrong number of arguments for ',
  },
  {
    before: '7.0.0',
    match: /^ERR wrong number of arguments for '(\w+)\|[^']*' command$/,
    to: (groups, call) =>
      `ERR Unknown subcommand or wrong number of arguments for '${call.shown(1)}'. Try ${groups[1]!.toUpperCase()} HELP.`,
  },
  {
    before: '6.2.0',
    match: /^(ERR Unknown subcommand or wrong number of arguments for '.*'\. Try (\S+) HELP)\.$/,
    to: (groups) => (withoutStop.has(groups[2]!.toLowerCase()) ? groups[1]! : undefined),
  },
  {
    before: '6.2.0',
    commands: ['script'],
    match: /^ERR SCRIPT FLUSH only support SYNC\|ASYNC option$/,
    to: (_groups, call) =>
      `ERR Unknown subcommand or wrong number of arguments for '${call.shown(1)}'. Try SCRIPT HELP.`,
  },
  {
    before: '4.0.0',
    commands: ['object'],
    match: eitherFault,
    to: (_groups, call, profile) =>
      call.count !== OBJECT_WORDS && !isBefore(profile, '2.8.0')
        ? "ERR wrong number of arguments for 'object' command"
        : undefined,
  },
  ...old,
];

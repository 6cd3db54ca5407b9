// config: all settings of one server: typed access, CONFIG GET and CONFIG SET.
//
// CONFIG SET is all or nothing: every value is assigned, then the hooks of changed settings run; when a value or a hook
// is refused, the old values come back and the hooks run again. Hooks may take time (a port that is opened); then `set`
// returns a promise.
//
// Not here: config files (file), CONFIG REWRITE (rewrite), the commands (service/commands/config).
import { errors } from '../../protocol/errors.js';
import { resolve } from 'node:path';
import { globMatches } from '../../base/glob.js';
import { latin1Bytes } from '../../base/bytes.js';
import type { Option, SpecialOption } from '../../registry/option.js';
import {
  options,
  type ChoiceName,
  type FlagName,
  type NumberName,
  type OptionName,
  type SpecialName,
  type TextName,
  type WordsName,
} from './options.js';
import { ChoiceSetting, FlagSetting, NumberSetting, TextSetting, WordsSetting, type Setting } from './setting.js';
import { fromByteString, makeSpecialSetting, type SpecialSettings } from './special-settings.js';

/** Makes a change take effect; gives the reason when that is impossible. An empty reason shows none. */
export type ApplyHook = () => string | undefined | Promise<string | undefined>;

export interface SetContext {
  /** The data set is being loaded. */
  readonly loading: boolean;
  /** The client is on this machine (for enable-protected-configs local). */
  readonly local: boolean;
}

export class Config {
  private readonly settings = new Map<string, Setting>();
  private readonly hooks = new Map<Setting, ApplyHook[]>();
  /** The config file in use, absolute; undefined without one. */
  file: string | undefined;

  /**
   * `folder` is what `dir` says until it is set. `table` holds the directives of the program: all of the data server's if absent;
   * a program with fewer takes at least `serviceOptions`, which the typed accessors of `service` read.
   */
  constructor(folder: string, table: readonly Option[] = options) {
    for (const option of table) {
      const setting = makeSetting(option, folder);
      this.settings.set(option.name, setting);
      if (option.alias !== undefined) this.settings.set(option.alias, setting);
    }
  }

  flag(name: FlagName): FlagSetting {
    return this.settings.get(name) as FlagSetting;
  }

  number(name: NumberName): NumberSetting {
    return this.settings.get(name) as NumberSetting;
  }

  /** The present value of a directive that is a number or a flag. */
  plain(name: FlagName | NumberName): number | boolean {
    return (this.settings.get(name) as FlagSetting | NumberSetting).value;
  }

  text(name: TextName): TextSetting {
    return this.settings.get(name) as TextSetting;
  }

  choice(name: ChoiceName): ChoiceSetting {
    return this.settings.get(name) as ChoiceSetting;
  }

  words(name: WordsName): WordsSetting {
    return this.settings.get(name) as WordsSetting;
  }

  special<Name extends SpecialName>(name: Name): SpecialSettings[Name] {
    return this.settings.get(name) as SpecialSettings[Name];
  }

  /** A text that names a file, as the file system wants it: relative ones are in `dir`. Empty for none. */
  path(name: TextName | 'dir'): string {
    const folder = fromByteString(this.special('dir').value);
    const value = name === 'dir' ? folder : fromByteString(this.text(name).value);
    return value === '' ? '' : resolve(folder, value);
  }

  /** The setting of a name or alias, in any case. */
  find(name: string): Setting | undefined {
    return this.settings.get(name.toLowerCase());
  }

  /** Every name and alias. */
  names(): IterableIterator<string> {
    return this.settings.keys();
  }

  /** Every setting once. */
  *all(): IterableIterator<Setting> {
    for (const [name, setting] of this.settings) if (setting.option.name === name) yield setting;
  }

  /** Runs `hook` after CONFIG SET changed any of the settings; for one CONFIG SET, a hook runs once. */
  onSet(names: readonly OptionName[], hook: ApplyHook): void {
    for (const name of names) {
      const setting = this.settings.get(name);
      // A directive that this program has not cannot change.
      if (setting === undefined) continue;
      const hooks = this.hooks.get(setting);
      if (hooks === undefined) this.hooks.set(setting, [hook]);
      else hooks.push(hook);
    }
  }

  /** Names and values for CONFIG GET: exact names as they were given, and what the patterns match. */
  get(patterns: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    const seen = new Set<string>();
    const add = (shown: string, setting: Setting): void => {
      if (seen.has(shown.toLowerCase())) return;
      seen.add(shown.toLowerCase());
      found.set(shown, setting.print());
    };
    for (const pattern of patterns) {
      if (!/[[*?]/.test(pattern)) {
        const setting = this.find(pattern);
        if (setting !== undefined) add(pattern, setting);
        continue;
      }
      const bytes = latin1Bytes(pattern);
      for (const [name, setting] of this.settings) {
        if (setting.option.hidden !== true && globMatches(bytes, latin1Bytes(name), true)) add(name, setting);
      }
    }
    return found;
  }

  /** Sets pairs of name and value as CONFIG SET does; gives the error reply's text, or undefined when all is set. */
  set(
    pairs: readonly (readonly [name: string, value: string])[],
    context: SetContext,
  ): string | undefined | Promise<string | undefined> {
    const refusal = this.refuse(pairs, context);
    if (refusal !== undefined) return refusal;
    const changes = pairs.map(([name, value]): Change => {
      const setting = this.find(name)!;
      return { name: name.toLowerCase(), setting, value, before: setting.print() };
    });
    for (const { name, setting, value } of changes) {
      const reason = assignValue(setting, value);
      if (reason !== undefined) {
        restore(changes);
        return failed(name, reason);
      }
    }
    return this.apply(changes);
  }

  private refuse(pairs: readonly (readonly [name: string, value: string])[], context: SetContext): string | undefined {
    const seen = new Set<string>();
    for (const [name, value] of pairs) {
      const setting = this.find(name);
      if (setting === undefined) return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`;
      const { option } = setting;
      if (option.immutable === true && !(option.acceptsOwnValue === true && setting.print() === value))
        return failed(name, "can't set immutable config");
      if (option.protected === true && !this.allowsProtected(context))
        return failed(name, "can't set protected config");
      if (option.denyLoading === true && context.loading) return errors.loading;
      if (seen.has(name.toLowerCase())) return failed(name, 'duplicate parameter');
      seen.add(name.toLowerCase());
    }
    return undefined;
  }

  private allowsProtected(context: SetContext): boolean {
    const allowed = this.choice('enable-protected-configs').value;
    return allowed === 'yes' || (allowed === 'local' && context.local);
  }

  private apply(changes: readonly Change[]): string | undefined | Promise<string | undefined> {
    const due = new Map<ApplyHook, string>();
    for (const { name, setting, before } of changes) {
      if (setting.option.volatile !== true && setting.print() === before) continue;
      for (const hook of this.hooks.get(setting) ?? []) if (!due.has(hook)) due.set(hook, name);
    }
    const hooks = [...due];
    return runHooks(hooks, 0, (name, reason) => {
      restore(changes);
      // Restoring the old values is best effort: the reply already names the failure.
      const undone = runHooks(hooks, 0, () => undefined);
      const reply = failed(name, reason);
      return undone instanceof Promise ? undone.then(() => reply) : reply;
    });
  }
}

interface Change {
  /** The name or alias that was used. */
  readonly name: string;
  readonly setting: Setting;
  readonly value: string;
  readonly before: string;
}

type Refused = (name: string, reason: string) => string | undefined | Promise<string | undefined>;

function runHooks(
  hooks: readonly (readonly [ApplyHook, string])[],
  from: number,
  refused: Refused,
): string | undefined | Promise<string | undefined> {
  for (let index = from; index < hooks.length; index++) {
    const [hook, name] = hooks[index]!;
    const reason = hook();
    if (reason instanceof Promise) {
      return reason.then((late) => (late === undefined ? runHooks(hooks, index + 1, refused) : refused(name, late)));
    }
    if (reason !== undefined) return refused(name, reason);
  }
  return undefined;
}

/** Assigns one word, split at every space when the directive takes several. */
function assignValue(setting: Setting, value: string): string | undefined {
  if (setting.option.multiple !== true) return setting.assign([value], false);
  return setting.assign(value === '' ? [] : value.split(' '), false);
}

function restore(changes: readonly Change[]): void {
  for (const { setting, before } of changes) assignValue(setting, before);
}

function failed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}')${reason === '' ? '' : ` - ${reason}`}`;
}

function makeSetting(option: Option, folder: string): Setting {
  switch (option.kind) {
    case 'flag':
      return new FlagSetting(option);
    case 'number':
      return new NumberSetting(option);
    case 'text':
      return new TextSetting(option);
    case 'choice':
      return new ChoiceSetting(option);
    case 'words':
      return new WordsSetting(option);
    case 'special':
      return makeSpecialSetting(option as SpecialOption<SpecialName>, folder);
  }
}

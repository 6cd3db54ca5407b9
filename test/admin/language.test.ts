// The languages of the page: a Chinese text for each text in the code of the page and for each refusal of the program, and none besides.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import ts from 'typescript';
import { roles } from '../../src/admin/access/roles.js';
import { defaultRules, eventKinds } from '../../src/monitor/alerts/rule.js';
import { importPageModule } from './page-module.js';

type Table = Readonly<Record<string, string>>;

/** Words that reach `t` in variables, by the expression that stands there. */
const variables: Readonly<Record<string, readonly string[]>> = {
  'job.state': ['running', 'done', 'failed', 'cancelled'],
  'me.role': roles,
  role: [...roles, 'master', 'replica', 'none'],
  'one.role': ['master', 'replica'],
  'about.role': ['master', 'replica', 'none'],
  'value.role': ['master', 'replica', 'none'],
  kind: ['standalone', 'cluster', 'sentinel', 'proxy'],
  'value.kind': ['standalone', 'cluster', 'sentinel', 'proxy'],
  'one.kind': ['standalone', 'cluster', 'sentinel', 'master', 'replica'],
  one: [...roles, 'info', 'warning', 'critical'],
  severity: ['info', 'warning', 'critical'],
  'alert.severity': ['info', 'warning', 'critical'],
  phase: ['pending', 'firing', 'ok'],
  type: ['webhook', 'mail', 'command'],
  change: ['expire', 'persist', 'rename', 'copy', 'delete'],
  "shownStart(one.state ?? '')": ['ejected', 'connected', 'idle'],
  "shownStart(node.flags.find((flag) => flag.startsWith('fail'))!)": ['fail', 'fail?'],
};
/** Names and terms that are the same in every language. */
const names = /^(Kvasir|INFO|ID|CSV|RDB|TLS|STARTTLS|p\d+|&gt;|host:port|default|mymaster)$/;
const readAttributes = ['aria-label', 'title', 'placeholder', 'alt', 'label', 'help'];

function* sourcesBelow(folder: string, ending: RegExp): Generator<ts.SourceFile> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !ending.test(entry.name) || /^zh/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const kind = path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
    yield ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ESNext, true, kind);
  }
}

function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => walk(child, see));
}

/** The texts that an expression can be, with {0} and the like for what is put in; the rest of it goes to `other`. */
function textsOf(node: ts.Expression, other: (node: ts.Expression) => void): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isParenthesizedExpression(node)) return textsOf(node.expression, other);
  if (ts.isConditionalExpression(node)) return [...textsOf(node.whenTrue, other), ...textsOf(node.whenFalse, other)];
  if (ts.isTemplateExpression(node))
    return [node.head.text + node.templateSpans.map(({ literal }, index) => `{${index}}${literal.text}`).join('')];
  other(node);
  return [];
}

/** The texts of the page's code, and the places where one stands without `t`. */
function readPage(): { used: Set<string>; bare: string[] } {
  const used = new Set<string>();
  const bare: string[] = [];
  for (const source of sourcesBelow('page/src', /\.tsx?$/)) {
    const isBare = (text: string): boolean => /[A-Za-z]{2}/.test(text) && !names.test(text.trim());
    walk(source, (node) => {
      if (ts.isCallExpression(node) && node.expression.getText() === 't' && node.arguments.length > 0) {
        const variable = (part: ts.Expression): void => {
          const words = variables[part.getText()];
          // Texts in tables of the same file.
          if (words === undefined)
            assert.match(part.getText(), /^(text|tab\.text|label|name|roleTexts\[role\])$/, source.fileName);
          for (const word of words ?? []) used.add(word);
        };
        for (const text of textsOf(node.arguments[0]!, variable)) used.add(text);
      }
      if (ts.isJsxText(node) && isBare(node.text)) bare.push(`${source.fileName}: ${node.text.trim()}`);
      if (ts.isJsxAttribute(node) && readAttributes.includes(node.name.getText())) {
        const { initializer } = node;
        if (initializer !== undefined && ts.isStringLiteral(initializer) && isBare(initializer.text))
          bare.push(`${source.fileName}: ${node.name.getText()}="${initializer.text}"`);
      }
    });
  }
  return { used, bare };
}

/** Texts in tables that a variable goes over: names of tabs and figures, what roles may, forms of values, spans of time. */
function readTables(): Set<string> {
  const found = new Set<string>();
  for (const source of sourcesBelow('page/src', /^(server-page|users|proxy|decoders|history)\.tsx?$/))
    walk(source, (node) => {
      if (ts.isPropertyAssignment(node) && ts.isStringLiteral(node.initializer)) {
        const isText = node.name.getText() === 'text' || roles.includes(node.name.getText() as never);
        if (isText) found.add(node.initializer.text);
      }
      const isPair = ts.isArrayLiteralExpression(node) && node.elements.length === 2;
      if (!isPair || !ts.isVariableDeclaration(listAround(node).parent)) return;
      const declared = (listAround(node).parent as ts.VariableDeclaration).name.getText();
      const [first, second] = node.elements;
      if (declared === 'spans' && ts.isStringLiteral(first!)) found.add(first.text);
      if ((declared === 'forms' || declared === 'figureNames') && ts.isStringLiteral(second!)) found.add(second.text);
    });
  return found;
}

function listAround(node: ts.Node): ts.Node {
  const list = node.parent;
  return ts.isAsExpression(list.parent) ? list.parent : list;
}

/** What the program may answer: the words of its refusals, and of the monitor. */
function readProgram(): Set<string> {
  const said = new Set<string>([...eventKinds, 'alert', ...defaultRules.map(({ name }) => name)]);
  for (const source of sourcesBelow('src/admin', /^(?!.*\.test).*\.ts$/))
    walk(source, (node) => {
      const isRefusal = ts.isNewExpression(node) && node.expression.getText() === 'ApiError';
      const isReason =
        ts.isReturnStatement(node) &&
        ts.findAncestor(node, (one) => ts.isMethodDeclaration(one) && one.name.getText() === 'readOnlyReason') !==
          undefined;
      const text = isRefusal ? node.arguments?.[1] : isReason ? node.expression : undefined;
      if (text === undefined) return;
      for (const one of textsOf(text, () => undefined)) if (/[A-Za-z]{2}/.test(one)) said.add(one);
    });
  return said;
}

const placesIn = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();

describe('the Chinese of the page', () => {
  let chinese: Table;
  let ofProgram: Table;
  before(async () => {
    chinese = (await importPageModule<{ chinese: Table }>('base/zh')).chinese;
    ofProgram = (await importPageModule<{ chineseOfProgram: Table }>('base/zh-program')).chineseOfProgram;
  });

  it('has each text of the code, and no text that the code has not', () => {
    const { used, bare } = readPage();
    for (const text of readTables()) used.add(text);
    assert.ok(used.size > 400, `${used.size} texts`);
    assert.deepEqual(bare, [], 'texts that no language reaches');
    assert.deepEqual(
      [...used].filter((text) => !Object.hasOwn(chinese, text)),
      [],
      'texts without Chinese',
    );
    assert.deepEqual(
      Object.keys(chinese).filter((text) => !used.has(text)),
      [],
      'Chinese that nobody reads',
    );
  });

  it('has each refusal of the program, each kind of event and each rule of alerts', () => {
    const said = readProgram();
    assert.ok(said.size > 100, `${said.size} texts`);
    assert.deepEqual([...said].filter((text) => !Object.hasOwn(ofProgram, text)).sort(), []);
    assert.deepEqual(
      Object.keys(ofProgram).filter((text) => !said.has(text)),
      [],
      'nobody says this',
    );
  });

  it('puts in the same values', () => {
    for (const [text, translation] of [...Object.entries(chinese), ...Object.entries(ofProgram)])
      assert.deepEqual(placesIn(translation), placesIn(text), text);
  });

  it('is found for what the program says, whatever it put in', async () => {
    // The page keeps the choice in its document.
    Object.assign(globalThis, { document: { documentElement: {} }, localStorage: { setItem: () => undefined } });
    const { chooseLanguage, said, t } = await importPageModule<{
      chooseLanguage(language: string): Promise<void>;
      said(text: string): string;
      t(text: string, values?: Record<string, string>): string;
    }>('base/i18n');
    const text = 'There is a server named a {0} $1 (b) already.';
    assert.equal(said(text), text);
    await chooseLanguage('zh-CN');
    assert.equal(said(text), '已经有名为 a {0} $1 (b) 的服务器。');
    assert.equal(said('ERR of a server'), 'ERR of a server');
    assert.equal(t('Cancel'), '取消');
    for (const name of ['constructor', '__proto__']) {
      assert.equal(t(name), name);
      assert.equal(said(name), name);
    }
    await chooseLanguage('en');
    assert.equal(t('Cancel'), 'Cancel');
  });
});

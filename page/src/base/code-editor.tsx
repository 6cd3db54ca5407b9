// code-editor: a text editor with colours for JSON and Lua (CodeMirror), in a file of its own that is loaded when somebody edits.
//
// It lives in a shadow tree: there CodeMirror adopts its styles, where it would write <style> elements otherwise, which the
// policy of the page refuses. Line ends are kept as they are: only \n separates lines, and a \r is a character of its line.
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  StreamLanguage,
  syntaxHighlighting,
} from '@codemirror/language';
import { lua } from '@codemirror/legacy-modes/mode/lua';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'preact/hooks';

export type Language = 'json' | 'lua' | 'text';

export interface CodeEditorProps {
  readonly text: string;
  readonly language: Language;
  readonly label: string;
  /** Absent: the text can be read only. */
  readonly onChange?: ((text: string) => void) | undefined;
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.bool, tags.null], color: 'var(--c-hash)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--c-list)' },
  { tag: [tags.number], color: 'var(--c-zset)' },
  { tag: [tags.propertyName, tags.standard(tags.name)], color: 'var(--c-string)' },
  { tag: tags.comment, color: 'var(--muted)' },
  { tag: tags.invalid, color: 'var(--danger)' },
]);

const look = EditorView.theme({
  '&': {
    color: 'var(--text)',
    backgroundColor: 'var(--panel)',
    border: '1px solid var(--line)',
    borderRadius: '8px',
    fontSize: '13px',
    maxHeight: '60vh',
    minHeight: '9em',
  },
  '&.cm-focused': { outline: '2px solid var(--focus)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--raised)', color: 'var(--muted)', border: 'none' },
});

const languages: Readonly<Record<Language, () => Extension>> = {
  json,
  lua: () => StreamLanguage.define(lua),
  text: () => [],
};

export function CodeEditor({ text, language, label, onChange }: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const told = useRef(onChange);
  told.current = onChange;
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: 'open' });
    const editor = new EditorView({
      parent: root,
      root,
      state: EditorState.create({
        doc: text,
        extensions: [
          EditorState.lineSeparator.of('\n'),
          EditorState.readOnly.of(onChange === undefined),
          EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false' }),
          EditorView.lineWrapping,
          EditorView.updateListener.of((update) => {
            if (update.docChanged) told.current?.(update.state.sliceDoc());
          }),
          lineNumbers(),
          highlightSpecialChars(),
          history(),
          bracketMatching(),
          indentOnInput(),
          syntaxHighlighting(colours),
          // Tab leaves the editor, as people without a mouse need.
          keymap.of([...defaultKeymap, ...historyKeymap]),
          languages[language](),
          look,
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, [language, label]);
  return <div ref={host} class="code-editor" />;
}

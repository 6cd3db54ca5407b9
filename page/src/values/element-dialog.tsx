// element-dialog: adds or changes one element of a collection: a few fields, each a text in which \xHH stands for a byte.
import { useState } from 'preact/hooks';
import { shown, unshown } from '../base/bytes.js';
import { FormDialog } from '../base/form.js';
import { Dialog, Field } from '../base/ui.js';
import { ValueBox } from './value-box.js';

export interface ElementField {
  readonly name: string;
  readonly text: string;
  readonly value?: string;
  readonly isFixed?: boolean;
  readonly isNumber?: boolean;
  /** May be left empty. */
  readonly isOptional?: boolean;
  readonly isLong?: boolean;
  /** Given to `onSave` as it was typed: whoever splits the text reads the escapes. */
  readonly isRaw?: boolean;
  readonly help?: string;
}

export function ElementDialog({
  title,
  fields,
  onClose,
  onSave,
}: {
  title: string;
  fields: readonly ElementField[];
  onClose: () => void;
  onSave: (values: Record<string, string>) => Promise<void>;
}) {
  const [values, setValues] = useState<Record<string, string>>(
    Object.fromEntries(
      fields.map(({ name, value = '' }) => [name, shown(value).replaceAll('\\x0a', '\n').replaceAll('\\x09', '\t')]),
    ),
  );
  const submit = (): Promise<void> => {
    const read = fields.map(
      ({ name, value = '', isFixed, isRaw }) =>
        [name, isFixed === true ? value : isRaw === true ? values[name]! : unshown(values[name]!)] as const,
    );
    return onSave(Object.fromEntries(read));
  };
  return (
    <FormDialog title={title} onClose={onClose} onSubmit={submit} isWide>
      {fields.map(({ name, text, isFixed, isNumber, isOptional, isLong, help }) => (
        <Field key={name} label={text} {...(help === undefined ? {} : { help })}>
          {isLong === true ? (
            <textarea
              rows={8}
              spellcheck={false}
              value={values[name]!}
              onInput={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
            />
          ) : (
            <input
              class="wide mono"
              value={values[name]!}
              disabled={isFixed === true}
              required={isOptional !== true}
              spellcheck={false}
              {...(isNumber === true ? { inputMode: 'decimal' as const } : {})}
              onInput={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
            />
          )}
        </Field>
      ))}
    </FormDialog>
  );
}

/** Shows an element that is long, in any form. */
export function ElementView({ title, text, onClose }: { title: string; text: string; onClose: () => void }) {
  return (
    <Dialog title={title} onClose={onClose} isWide>
      <ValueBox text={text} />
    </Dialog>
  );
}

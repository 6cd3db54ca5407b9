// add-key: makes a key of any type with its first element.
import { useState } from 'preact/hooks';
import { type ServerApi, textIn } from '../base/api.js';
import { shown, unshown } from '../base/bytes.js';
import { t } from '../base/i18n.js';
import { FormDialog } from '../base/form.js';
import { Field } from '../base/ui.js';

type Type = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';

const commands: Readonly<Record<Type, (key: string, name: string, value: string) => string[]>> = {
  string: (key, _, value) => ['SET', key, value],
  hash: (key, name, value) => ['HSET', key, name, value],
  list: (key, _, value) => ['RPUSH', key, value],
  set: (key, _, value) => ['SADD', key, value],
  zset: (key, name, value) => ['ZADD', key, name || '0', value],
  stream: (key, name, value) => ['XADD', key, '*', name, value],
};

export function AddKey({
  server,
  prefix,
  onClose,
  onAdded,
}: {
  server: ServerApi;
  prefix: string;
  onClose: () => void;
  onAdded: (key: string) => void;
}) {
  const [type, setType] = useState<Type>('string');
  const [key, setKey] = useState(shown(prefix));
  const [name, setName] = useState('');
  const [value, setValue] = useState('');
  const [ttl, setTtl] = useState('');
  const submit = async (): Promise<void> => {
    const made = unshown(key);
    if (textIn(await server.one('EXISTS', made)) === '1') throw new Error(t('There is a key with this name.'));
    await server.run([
      commands[type](made, unshown(name), unshown(value)),
      ...(ttl === '' ? [] : [['EXPIRE', made, ttl]]),
    ]);
    onAdded(made);
  };
  const nameLabel = type === 'hash' || type === 'stream' ? t('Field') : type === 'zset' ? t('Score') : undefined;
  return (
    <FormDialog title={t('Add key')} action={t('Add')} onClose={onClose} onSubmit={submit}>
      <div class="form two">
        <Field label={t('Type')}>
          <select class="wide" value={type} onChange={(event) => setType(event.currentTarget.value as Type)}>
            {Object.keys(commands).map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t('Time to live in seconds')}>
          <input
            class="wide"
            type="number"
            min="1"
            value={ttl}
            placeholder={t('does not expire')}
            onInput={(event) => setTtl(event.currentTarget.value)}
          />
        </Field>
      </div>
      <Field label={t('Key')}>
        <input
          class="wide mono"
          value={key}
          required
          autofocus
          spellcheck={false}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </Field>
      {nameLabel !== undefined && (
        <Field label={nameLabel}>
          <input
            class="wide mono"
            value={name}
            required={type !== 'zset'}
            spellcheck={false}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
      )}
      <Field label={type === 'set' || type === 'zset' ? t('Member') : t('Value')}>
        <textarea rows={5} value={value} spellcheck={false} onInput={(event) => setValue(event.currentTarget.value)} />
      </Field>
    </FormDialog>
  );
}

// key-link: the name of a key, which opens the key; a name that is too long for an address is text only.
import type { ServerApi } from '../base/api.js';
import { shown, shownStart } from '../base/bytes.js';
import { NameText } from '../base/name-text.js';
import { linkTo } from '../base/router.js';

export const linkedMax = 4000;

export function KeyLink({ server, name }: { server: ServerApi; name: string }) {
  if (name.length > linkedMax) return <span class="mono">{shownStart(name)}</span>;
  return (
    <a class="mono" href={linkTo(['s', server.id, 'keys'], { db: server.database, key: shown(name) })}>
      <NameText text={name} />
    </a>
  );
}

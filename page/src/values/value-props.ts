// value-props: what the view of a value gets, whatever its type.
import type { ServerApi } from '../base/api.js';

export interface ValueProps {
  readonly server: ServerApi;
  /** The key. */
  readonly name: string;
  readonly canWrite: boolean;
  /** Counts how often somebody asked to load the key again. */
  readonly round: number;
  /** Told after a change, so that size and encoding are asked for again. */
  readonly onChanged: () => void;
}

// lazy: views in files of their own, loaded when they are opened first, so that the first view comes soon.
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure, Loading } from './ui.js';

export interface LazyView<Props> {
  (props: Props): ComponentChildren;
  /** Loads it before it is drawn, while what it shows is on its way too. */
  readonly preload: () => void;
}

/** A view that is loaded when somebody opens it. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): LazyView<Props> {
  let loaded: ComponentType<Props> | undefined;
  const loadOnce = async (): Promise<void> => {
    loaded ??= await load();
  };
  function Lazy(props: Props) {
    const [, setReady] = useState(loaded !== undefined);
    const [error, setError] = useState<unknown>();
    useEffect(() => {
      if (loaded === undefined) loadOnce().then(() => setReady(true), setError);
    }, []);
    if (error !== undefined) return <Failure error={error} />;
    const View = loaded;
    return View === undefined ? <Loading /> : <View {...props} />;
  }
  // What fails here is told when the view is drawn, which tries again.
  return Object.assign(Lazy, { preload: () => void loadOnce().catch(() => undefined) });
}

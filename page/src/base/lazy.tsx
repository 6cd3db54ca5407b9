// lazy: views in files of their own, loaded when they are opened first, so that the first view comes soon.
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure, Loading } from './ui.js';

/** A view that is loaded when somebody opens it. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [, setReady] = useState(loaded !== undefined);
    const [error, setError] = useState<unknown>();
    useEffect(() => {
      if (loaded !== undefined) return;
      load().then((component) => {
        loaded = component;
        setReady(true);
      }, setError);
    }, []);
    if (error !== undefined) return <Failure error={error} />;
    const View = loaded;
    return View === undefined ? <Loading /> : <View {...props} />;
  };
}

// boundary: keeps a fault of one view to that view: the rest of the page stays, and the view says what went wrong.
import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { Failure } from './ui.js';

export function Boundary({ children }: { children: ComponentChildren }) {
  // As an error that nobody caught, so that it is seen where errors are looked for.
  const [error, forget] = useErrorBoundary((fault: unknown) => reportError(fault));
  return error === undefined ? <>{children}</> : <Failure error={error} retry={forget} />;
}

"use client";
import { Component, lazy, Suspense, useState, type ComponentType, type ReactNode } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";

type Closable = { onClose: () => void };

/**
 * A sheet that is loaded when it is first opened, so that the first page stays small. Where loading fails, as on a page
 * that is older than its server, only the sheet is lost: a dialog asks for a reload, and the next opening tries again.
 */
export function late<P extends Closable>(load: () => Promise<{ default: ComponentType<P> }>): ComponentType<P> {
  const sheet = { now: lazy(load) };
  const renew = () => {
    sheet.now = lazy(load); // the lazy component before keeps its failure for ever
  };
  return function Late(props: P) {
    const [Sheet] = useState<ComponentType<P>>(() => sheet.now as unknown as ComponentType<P>);
    return (
      <Boundary onFailed={renew} fallback={<Failed onClose={props.onClose} />}>
        <Suspense fallback={null}>
          <Sheet {...props} />
        </Suspense>
      </Boundary>
    );
  };
}

type BoundaryProps = { children: ReactNode; fallback: ReactNode; onFailed: () => void };

class Boundary extends Component<BoundaryProps, { failed: boolean }> {
  static getDerivedStateFromError = () => ({ failed: true });
  override state = { failed: false };

  override componentDidCatch() {
    this.props.onFailed();
  }

  override render() {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}

const Failed = ({ onClose }: Closable) => (
  <Dialog open onClose={onClose} title="This could not be shown">
    <div className="space-y-4 p-5 text-sm">
      <p>The page was updated, or the network is away. Reload the page; answers go on meanwhile.</p>
      <Button data-first look="primary" onClick={() => location.reload()}>
        Reload
      </Button>
    </div>
  </Dialog>
);

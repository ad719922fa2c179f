"use client";

import { Maximize, X, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useRef, type PointerEvent } from "react";
import { createPortal } from "react-dom";
import { ToolButton } from "../tool-button";
import type { Drawing } from "./draw";
import { Picture } from "./picture";
import { keyOf, useView } from "./use-view";

/** A drawing over the whole page: wheel, drag, buttons or `+` `-` `0` and the arrows move it, Escape closes it. */
export function FullScreen({ drawing, onClose }: { drawing: Drawing; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const { view, move } = useView(stage);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const onDrag = (event: PointerEvent) => event.buttons === 1 && move({ x: event.movementX, y: event.movementY });
  return createPortal(
    <dialog ref={dialog} aria-label="Diagram, full screen" onClose={onClose} className="answer-full">
      <div className="answer-bar">
        <span className="min-w-0 flex-1 truncate">Diagram</span>
        <output>{Math.round(view.zoom * 100)} %</output>
        <ToolButton label="Zoom in" onClick={() => move({ zoom: 1.25 })}>
          <ZoomIn className="size-4" />
        </ToolButton>
        <ToolButton label="Zoom out" onClick={() => move({ zoom: 0.8 })}>
          <ZoomOut className="size-4" />
        </ToolButton>
        <ToolButton label="Fit the page" onClick={() => move("home")}>
          <Maximize className="size-4" />
        </ToolButton>
        <ToolButton label="Close" onClick={() => dialog.current?.close()}>
          <X className="size-4" />
        </ToolButton>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions -- the keys that move the drawing */}
      <div ref={stage} tabIndex={0} role="application" aria-label="Diagram: arrows move it, plus and minus zoom, 0 fits it" className="answer-stage" onPointerMove={onDrag} onKeyDown={(event) => keyOf(event, move)}>
        <Picture drawing={drawing} style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.zoom})` }} />
      </div>
    </dialog>,
    document.body,
  );
}

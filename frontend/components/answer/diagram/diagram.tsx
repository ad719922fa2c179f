"use client";

import { Code2, Download, Maximize2 } from "lucide-react";
import { memo, useState } from "react";
import { CopyButton } from "../copy-button";
import { Scroller } from "../scroller";
import { ToolButton } from "../tool-button";
import { FullScreen } from "./full-screen";
import { Picture } from "./picture";
import { download } from "./download";
import { useDrawing } from "./use-drawing";

/**
 * A Mermaid diagram, drawn once its source is `finished`. The frame has one height from the first line of the source
 * on, drawn or not, so that nothing below it ever moves.
 */
export const Diagram = memo(function Diagram({ source, finished }: { source: string; finished: boolean }) {
  const { drawing, error } = useDrawing(source, finished);
  const [asSource, setAsSource] = useState(false);
  const [full, setFull] = useState(false);
  return (
    <figure dir="ltr" className="answer-frame" data-diagram={drawing ? "drawn" : error ? "broken" : "waiting"}>
      <figcaption className="answer-bar">
        <span className="min-w-0 flex-1">{error ? "This diagram could not be drawn; here is its source." : "Diagram"}</span>
        {drawing && (
          <>
            <ToolButton label="Show the source" pressed={asSource} onClick={() => setAsSource(!asSource)}>
              <Code2 className="size-4" />
            </ToolButton>
            <ToolButton label="Full screen" onClick={() => setFull(true)}>
              <Maximize2 className="size-4" />
            </ToolButton>
            <ToolButton label="Download as SVG" onClick={() => download(drawing.svg)}>
              <Download className="size-4" />
            </ToolButton>
          </>
        )}
        <CopyButton text={source} label="Copy the diagram's source" />
      </figcaption>
      {drawing && !asSource ? <Picture drawing={drawing} className="answer-diagram" /> : <Source text={source} quiet={!error && !asSource} />}
      {drawing && full && <FullScreen drawing={drawing} onClose={() => setFull(false)} />}
    </figure>
  );
});

/** `quiet`: a drawing will take its place. */
function Source({ text, quiet }: { text: string; quiet: boolean }) {
  return (
    <Scroller label="The diagram's source" className={`answer-diagram-source ${quiet ? "text-muted-fg" : ""}`}>
      <pre>
        <code>{text}</code>
      </pre>
    </Scroller>
  );
}

import { useEffect, useState } from "react";
import { drafter, type Drawing } from "./draw";
import { useDark } from "./use-dark";

/**
 * `error`: Mermaid's message about a source that it cannot draw. Neither: the source is not finished, or is being
 * drawn.
 */
export type DrawnDiagram = { drawing?: Drawing; error?: string };

export function useDrawing(source: string, finished: boolean): DrawnDiagram {
  const dark = useDark();
  const [drawn, setDrawn] = useState<DrawnDiagram & { source?: string }>({});
  useEffect(() => {
    if (!finished) return undefined;
    let here = true;
    drafter.draw(source, dark).then(
      (drawing) => here && setDrawn({ source, drawing }),
      (error: unknown) => here && setDrawn({ source, error: error instanceof Error ? error.message : String(error) }),
    );
    return () => {
      here = false;
    };
  }, [source, finished, dark]);
  return drawn.source === source ? drawn : {};
}

/** Downloads a drawing as an SVG file that looks the same anywhere, because its background is in it. */
export function download(svg: string) {
  const background = getComputedStyle(document.body).backgroundColor;
  const address = URL.createObjectURL(new Blob([standalone(svg, background)], { type: "image/svg+xml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = "diagram.svg";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // Safari reads the file after the click has returned
}

/** An SVG as a document of its own. */
export function standalone(svg: string, background: string): string {
  const root = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  if (!root) return svg;
  const [, , width, height] = (root.getAttribute("viewBox") ?? "").split(/[\s,]+/);
  if (width && height) {
    root.setAttribute("width", width);
    root.setAttribute("height", height);
  }
  root.style.background = background;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}`;
}

/** Makes the images of a message small in the browser, and removes what the camera wrote into them. */

export const LONGEST_SIDE = 1568; // pixels; vision models see no more
const QUALITY = 0.85;
const SMALL_PNG = 512 * 1024; // drawings and screenshots keep their sharp edges

/** Width and height within the longest side, the shape kept; never larger than they were. */
export function fit(width: number, height: number, longest = LONGEST_SIDE): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/**
 * The image, drawn anew, as a data URL. It is a JPEG, because not every engine reads WebP. Raises for a file that is no
 * image.
 */
export async function shrink(file: File): Promise<string> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is not an image that this browser can read. Use PNG, JPEG, WebP or GIF.`);
  });
  const png = file.type === "image/png" && file.size <= SMALL_PNG;
  const canvas = Object.assign(document.createElement("canvas"), fit(bitmap.width, bitmap.height));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw images.");
  if (!png) whiten(context, canvas);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL(png ? "image/png" : "image/jpeg", QUALITY);
}

/** JPEG has no transparency: without a white ground clear parts would be black. */
function whiten(context: CanvasRenderingContext2D, { width, height }: HTMLCanvasElement): void {
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
}

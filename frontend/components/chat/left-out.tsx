"use client";
import { useAnswer } from "@/runtime";

/** A line above an answer: how many images its model could not see. */
export function LeftOut() {
  const images = useAnswer()?.imagesLeftOut ?? 0;
  if (images === 0) return null;
  return (
    <p data-testid="left-out" className="pb-1 text-sm text-muted-fg">
      {images === 1 ? "An earlier image was" : `${images} earlier images were`} too much to send along with this question.
    </p>
  );
}

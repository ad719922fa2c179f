"use client";
import { MessageByIndexProvider, useAuiState } from "@assistant-ui/react";
import { ArrowDown } from "lucide-react";
import { Fragment, memo, useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from "react";
import { Button } from "@/components/ui/button";
import { cn } from "@/components/ui/cn";
import { IconButton } from "@/components/ui/icon-button";
import { whenIdle } from "@/lib/idle";
import { readFrom, useShownThread } from "@/runtime";
import { AssistantMessage } from "./assistant-message";
import { ReadsFrom } from "./reads-from";
import { useTarget } from "./target";
import { firstDrawn, outlineOf, turnsOf, type Turn } from "./turns";
import { useKeepPlace, useScroll } from "./use-scroll";
import { UserMessage } from "./user-message";
import { Welcome } from "./welcome";

/** How many messages a page has: two hundred at once cost nearly a second. */
const PAGE = 40;
/** How many messages of the first page are drawn at once; the others follow in idle moments, as many each time. */
const AT_ONCE = 6;

/** The conversation. It is drawn again when messages come or go, never when one of them grows. */
export function Thread() {
  const viewport = useRef<HTMLElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const outline = useAuiState((s) => outlineOf(s.thread.messages));
  const turns = useMemo(() => turnsOf(outline), [outline]);
  const readsFrom = useAuiState((s) => readFrom(s.thread.messages));
  const cut = turns.find(({ start, end }) => start <= readsFrom && readsFrom < end);
  const [drawn, setDrawn] = useState(AT_ONCE);
  const { atEnd, jump, anchor } = useScroll(viewport, content);
  const keepPlace = useKeepPlace(viewport);
  const anchored = useAnchor(content, turns, anchor, jump);
  const first = firstDrawn(turns, drawn);
  const earlier = turns[first]?.start ?? 0;
  const showEarlier = () => {
    keepPlace();
    setDrawn(drawn + PAGE);
  };
  useFirstPage(drawn, setDrawn, earlier > 0, keepPlace);
  useTarget(turns, first, setDrawn, content, anchor);
  useEarlierOnScroll(viewport, earlier > 0, showEarlier);
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <section ref={viewport} tabIndex={0} aria-label="Conversation" className="viewport min-h-0 flex-1 overflow-y-auto">
        <div ref={content} className="mx-auto flex min-h-full w-full max-w-3xl flex-col px-4">
          {turns.length === 0 ? <Empty /> : null}
          {earlier > 0 && drawn >= PAGE && (
            <Button look="ghost" className="mx-auto mt-4 text-muted-fg" onClick={showEarlier}>
              Show earlier messages ({earlier})
            </Button>
          )}
          {turns.slice(first).map((turn) => (
            <Fragment key={turn.key}>
              {turn === cut && turn.start > 0 && <ReadsFrom unread={turn.start} />}
              <TurnView turnKey={turn.key} start={turn.start} end={turn.end} last={turn === turns.at(-1)} tall={turn.key === anchored} />
            </Fragment>
          ))}
        </div>
      </section>
      <IconButton
        label="Jump to newest"
        onClick={jump}
        className={cn("absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full border border-line bg-bg shadow-md", (atEnd || turns.length === 0) && "invisible")}
      >
        <ArrowDown />
      </IconButton>
    </div>
  );
}

/** Draws the rest of the first page when the browser has nothing else to do: no thread opens with one long task. */
function useFirstPage(drawn: number, setDrawn: (drawn: number) => void, more: boolean, keepPlace: () => void) {
  useEffect(() => {
    if (!more || drawn >= PAGE) return;
    return whenIdle(() => {
      keepPlace();
      setDrawn(Math.min(PAGE, drawn + AT_ONCE));
    });
  }, [drawn, setDrawn, more, keepPlace]);
}

type TurnProps = { turnKey: string; start: number; end: number; last: boolean; tall: boolean };

/** `tall`: as high as the window, so that a question stands at its top and the answer grows below it without a jump. */
const TurnView = memo(function TurnView({ turnKey, start, end, last, tall }: TurnProps) {
  return (
    <section data-turn={turnKey} className={cn("turn flex flex-col gap-1.5 py-4", tall && "tall", !last && "rest")}>
      {Array.from({ length: end - start }, (_, at) => (
        <MessageByIndexProvider key={start + at} index={start + at}>
          <Message />
        </MessageByIndexProvider>
      ))}
    </section>
  );
});

function Message() {
  const role = useAuiState((s) => s.message.role);
  return role === "user" ? <UserMessage /> : <AssistantMessage />;
}

function Empty() {
  const { isNew, loading, error, retry } = useShownThread();
  if (error) {
    return (
      <div role="alert" className="m-auto max-w-md py-10 text-center text-sm">
        <p className="font-medium">This chat could not be loaded</p>
        <p className="mt-1 text-muted-fg">{error}</p>
        <Button className="mt-4" onClick={() => void retry()}>
          Try again
        </Button>
      </div>
    );
  }
  if (loading && !isNew) return <p className="sr-only">Loading the chat…</p>;
  return <Welcome />;
}

/** Opens a thread at its end, and puts a turn whose answer begins at the top; returns the key of that turn. */
function useAnchor(content: RefObject<HTMLElement | null>, turns: readonly Turn[], anchor: (element: HTMLElement) => void, jump: () => void) {
  const running = useAuiState((s) => s.thread.isRunning);
  const last = turns.at(-1)?.key;
  const [anchored, setAnchored] = useState<string>();
  if (running && anchored !== last) setAnchored(last);
  const opened = useRef(false);
  useLayoutEffect(() => {
    if (opened.current || !last) return;
    opened.current = true;
    jump(); // the view also stays at the end while diagrams and formulas are drawn above
  }, [last, jump]);
  useLayoutEffect(() => {
    const turn = content.current?.querySelector<HTMLElement>(`[data-turn="${anchored}"]`);
    if (turn && running) anchor(turn);
  }, [content, anchored, running, anchor]);
  return anchored;
}

/** Draws the earlier page by itself when the user scrolls near the top of the drawn messages. */
function useEarlierOnScroll(viewport: RefObject<HTMLElement | null>, more: boolean, show: () => void) {
  const latest = useRef(show);
  useEffect(() => {
    latest.current = show;
  });
  useEffect(() => {
    const view = viewport.current;
    if (!view || !more) return;
    const look = () => {
      if (view.scrollTop < 120 && view.scrollHeight > view.clientHeight * 2) latest.current();
    };
    view.addEventListener("wheel", look, { passive: true });
    view.addEventListener("touchmove", look, { passive: true });
    return () => {
      view.removeEventListener("wheel", look);
      view.removeEventListener("touchmove", look);
    };
  }, [viewport, more]);
}

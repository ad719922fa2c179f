import { useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { flushSync } from "react-dom";
import "@/app/globals.css";
import { pace } from "@/stream/pace";
import { renderers, type Renderer } from "./renderers";
import { answer, grown, thread, type Message } from "./texts";

/** What `bench/page` calls in the browser. */
type Bench = {
  /** Draws an answer as it arrives; the promise ends when all of it is drawn. */
  stream: (renderer: string, tokens: number, rate: number) => Promise<void>;
  /** Draws the last `shown` of a thread's messages, as the chat does; the promise ends two frames behind it. */
  open: (renderer: string, messages: number, shown: number) => Promise<void>;
  /** What the other functions draw, for a bench of the whole chat, which has to draw the same. */
  texts: { answer: typeof answer; thread: typeof thread };
  /** Draws these texts, each as an answer of its own. */
  draw: (renderer: string, texts: string[]) => Promise<void>;
};

declare global {
  // oxlint-disable-next-line no-var -- only `var` declares a global
  var bench: Bench;
}

let show: (content: ReactNode) => void = () => undefined;

/** A chat's frame: messages that scroll and follow, a box to type into. */
function Page() {
  const [content, setContent] = useState<ReactNode>(null);
  const scroller = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    show = setContent;
  }, []);
  useLayoutEffect(() => {
    scroller.current?.scrollTo(0, scroller.current.scrollHeight);
  });
  return (
    <div className="flex h-dvh flex-col">
      <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto p-4">
        {content}
      </div>
      <textarea aria-label="Message" className="h-20 border border-line p-2" />
    </div>
  );
}

/** Ever longer texts at their times. Each is a task of its own, like data that arrives from the network. */
async function* growing(text: string, tokens: number, rate: number): AsyncGenerator<string> {
  const began = performance.now();
  for (let token = 1; token <= tokens; token++) {
    const due = began + (token * 1_000) / rate - performance.now();
    await new Promise((resolve) => setTimeout(resolve, due)); // oxlint-disable-line no-await-in-loop
    yield grown(text, token);
  }
}

const frames = () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));

function rendererNamed(name: string): Renderer {
  const renderer = renderers[name];
  if (!renderer) throw new RangeError(`no renderer ${name}`);
  return renderer;
}

async function stream(name: string, tokens: number, rate: number) {
  const { draw, paceMs } = rendererNamed(name);
  const text = answer(tokens);
  const source = growing(text, tokens, rate);
  for await (const now of paceMs ? pace(source, paceMs) : source) {
    if (paceMs) show(draw(now, true));
    else flushSync(() => show(draw(now, true))); // an update a token, as an event a token makes it
  }
  show(draw(text, false));
  await frames();
}

async function open(name: string, messages: number, shown: number) {
  const { draw } = rendererNamed(name);
  show(thread(messages).slice(-shown).map((message) => <Turn key={message.id} message={message} draw={draw} />));
  await frames();
}

async function drawAll(name: string, texts: string[]) {
  const { draw } = rendererNamed(name);
  show(texts.map((text) => <article key={text}>{draw(text, false)}</article>));
  await frames();
}

function Turn({ message, draw }: { message: Message; draw: Renderer["draw"] }) {
  return <article className="py-3">{message.role === "user" ? <p>{message.text}</p> : draw(message.text, false)}</article>;
}

createRoot(document.getElementById("root")!).render(<Page />);
globalThis.bench = { stream, open, texts: { answer, thread }, draw: drawAll };

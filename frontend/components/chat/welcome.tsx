"use client";
import { useAui } from "@assistant-ui/react";
import { Code, Mail, Table2, Workflow, type LucideIcon } from "lucide-react";
import { useModels } from "@/runtime";
import { ConnectCard } from "./connect-card";

type Starter = { icon: LucideIcon; title: string; hint: string; prompt: string };

/**
 * A prompt that ends with a newline needs more text from the user: it is put into the composer, and others are sent at
 * once.
 */
const STARTERS: Starter[] = [
  {
    icon: Code,
    title: "Explain some code",
    hint: "What it does, and what could go wrong",
    prompt: "Explain step by step what this code does, then point out bugs and edge cases:\n\n",
  },
  {
    icon: Workflow,
    title: "Draw a diagram",
    hint: "An OAuth login, as a sequence",
    prompt: "Draw a Mermaid sequence diagram of an OAuth 2 authorization code login with PKCE, and explain each step in one sentence.",
  },
  {
    icon: Table2,
    title: "Compare in a table",
    hint: "PostgreSQL, SQLite and Redis",
    prompt: "Compare PostgreSQL, SQLite and Redis in a table: what each is best at, durability, concurrency, operations. End with a recommendation for a small team.",
  },
  {
    icon: Mail,
    title: "Draft an email",
    hint: "Polite, short and clear",
    prompt: "Draft a short, friendly email that moves a meeting and proposes two new times. The details:\n\n",
  },
];

/**
 * The first page: a greeting, four prompts to begin with, and how to connect a real model where there is none. It hangs
 * from the top, so that the card, which appears with the models, moves nothing.
 */
export function Welcome() {
  const { advice } = useModels();
  return (
    <div data-testid="welcome" className="flex w-full flex-col gap-8 pt-[max(2rem,12dvh)] pb-8">
      <div className="text-center">
        <p className="text-2xl font-semibold tracking-tight sm:text-3xl">What can I do for you?</p>
        {/* In the page's HTML, and the largest text on a phone: no text that comes from the server later is a larger paint. */}
        <p className="mx-auto mt-2 max-w-xl text-muted-fg">
          Every answer is a job in one queue, and you see your place in it. Close this page or lose the network: the answer goes on, and is here when you come back.
        </p>
      </div>
      <ul className="grid grid-cols-2 gap-2 sm:gap-3">
        {STARTERS.map((starter) => (
          <li key={starter.title}>
            <StarterCard {...starter} />
          </li>
        ))}
      </ul>
      {advice && <ConnectCard advice={advice} />}
    </div>
  );
}

function StarterCard({ icon: Icon, title, hint, prompt }: Starter) {
  const aui = useAui();
  const begin = () => {
    aui.composer.setText(prompt);
    if (prompt.endsWith("\n")) document.querySelector<HTMLElement>("[data-composer]")?.focus();
    else aui.composer.send();
  };
  return (
    <button
      type="button"
      onClick={begin}
      className="flex h-full w-full cursor-pointer items-start gap-3 rounded-2xl border border-line p-3 text-left sm:p-4 transition-colors hover:bg-muted"
    >
      <Icon aria-hidden className="mt-0.5 size-5 shrink-0 text-accent" />
      <span>
        <span className="block text-sm font-medium">{title}</span>
        <span className="mt-0.5 text-sm text-muted-fg max-sm:sr-only sm:block">{hint}</span>
      </span>
    </button>
  );
}

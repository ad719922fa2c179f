/** The texts of the rendering bench: answers with everything that answers may contain, the same in every run. */

const CHARACTERS_A_TOKEN = 4;

const section = (number: number) => `## Part ${number}: how the ${number}th queue behaves

Every job is accepted **durably** before anything else happens, so that \`job-${number}\` reaches exactly one end. What follows is a
list of what may happen on the way, with *some* emphasis and [a link](https://docs.example/part/${number}):

1. The caller waits; its place is ${number}.
   - A slot is free: it is matched at once.
   - None is: it waits, and is told so each second.
2. The worker starts it, and \`started\` is logged first.
3. Tokens come back, in order, none twice.

\`\`\`python
from dataclasses import dataclass

@dataclass(frozen=True)
class Job${number}:
    """One unit of work."""

    id: str
    attempt: int = ${number}

    def next(self) -> "Job${number}":
        return Job${number}(self.id, self.attempt + 1)  # a new fence

async def run(job: Job${number}) -> None:
    async for token in engine.answer(job.id, limit=${number * 100}):
        await emit(job, token)
\`\`\`

The time until the first token is $T = t_q + \\frac{n_{${number}}}{r}$, and over all callers

$$
\\bar{T} = \\frac{1}{N} \\sum_{i=1}^{N} \\left( q_i + \\frac{p_i}{r_i} \\right), \\qquad N = ${number * 10}
$$

| worker | slots | tokens/s | state |
| ------ | ----: | -------: | ----- |
| gpu-${number}a | 4 | ${number * 11} | busy |
| gpu-${number}b | 2 | ${number * 7} | idle |
| gpu-${number}c | 8 | ${number * 13} | full |

> A worker that was silent for ten seconds is reaped. Its jobs go to the front of the queue.

`;

const diagram = (number: number) => `\`\`\`mermaid
flowchart LR
  C${number}[caller] --> A[API]
  A -->|accept| R[(Redis)]
  R -->|inbox| W${number}[worker]
  W${number} --> E[engine]
  W${number} -->|emit| R
\`\`\`

`;

/** An answer of so many tokens. Every third part has a diagram. */
export function answer(tokens: number, first = 1): string {
  let text = "";
  for (let part = first; text.length < tokens * CHARACTERS_A_TOKEN; part++) text += section(part) + (part % 3 === 1 ? diagram(part) : "");
  return text.slice(0, tokens * CHARACTERS_A_TOKEN);
}

/** A text as it grows, token by token. */
export function grown(text: string, tokens: number): string {
  return text.slice(0, tokens * CHARACTERS_A_TOKEN);
}

export type Message = { id: number; role: "user" | "assistant"; text: string };

/** A thread of so many messages, half of them answers of 250 tokens, each another text. */
export function thread(messages: number): Message[] {
  return Array.from({ length: messages }, (_, id) =>
    id % 2 ? { id, role: "assistant", text: answer(250, id * 3 + 1) } : { id, role: "user", text: `Question ${id}: how does part ${id} behave?` },
  );
}

/* One question asked with the AI SDK: `node ask.mjs '{"what": "stream", "url": …, "model": …}'` prints one JSON object. */

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const asked = JSON.parse(process.argv[2]);
const sluice = createOpenAICompatible({
  name: "sluice",
  baseURL: `${asked.url}/v1`,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = sluice(asked.model);
const plain = { model, maxRetries: 0, temperature: 0, maxOutputTokens: asked.most };

const schema = z.object({ name: z.string(), age: z.number().int() });
const tools = {
  get_weather: tool({
    description: "The weather of a city.",
    inputSchema: z.object({ location: z.string() }),
    execute: async ({ location }) => `${location} is sunny`,
  }),
};

/** Errors of a stream are told in the stream: without this the SDK writes them to the console as well. */
const onError = () => {};

const questions = {
  async whole() {
    const { text, usage, finishReason } = await generateText({ ...plain, prompt: asked.prompt });
    return { text, tokens: usage.outputTokens, finishReason };
  },

  async stream() {
    const answer = streamText({ ...plain, prompt: asked.prompt, onError });
    const pieces = [];
    for await (const piece of answer.textStream) pieces.push(piece);
    return { pieces, tokens: (await answer.usage).outputTokens, finishReason: await answer.finishReason };
  },

  async tools() {
    const answer = await generateText({ ...plain, prompt: asked.prompt, tools, stopWhen: stepCountIs(3) });
    const calls = answer.steps.flatMap((step) => step.toolCalls.map((call) => call.input.location));
    return { calls, text: answer.text, steps: answer.steps.length };
  },

  async toolsInAStream() {
    const answer = streamText({ ...plain, prompt: asked.prompt, tools, stopWhen: stepCountIs(3), onError });
    await answer.consumeStream();
    const calls = (await answer.steps).flatMap((step) => step.toolCalls.map((call) => call.input.location));
    return { calls, text: await answer.text };
  },

  async object() {
    const { object } = await generateObject({ ...plain, prompt: asked.prompt, schema });
    const streamed = streamObject({ ...plain, prompt: asked.prompt, schema, onError });
    let last = null;
    for await (const partial of streamed.partialObjectStream) last = partial;
    return { object, streamed: last };
  },

  async vision() {
    const content = [
      { type: "text", text: asked.prompt },
      { type: "image", image: Buffer.from(asked.picture, "base64"), mediaType: "image/png" },
    ];
    const { text } = await generateText({ ...plain, messages: [{ role: "user", content }] });
    return { text };
  },

  async embeddings() {
    const embedding = sluice.textEmbeddingModel(asked.embed);
    const { embeddings } = await embedMany({ model: embedding, values: asked.texts, maxRetries: 0 });
    return { embeddings };
  },

  async thinking() {
    const providerOptions = { sluice: { reasoningEffort: "low" } };
    const { text, reasoningText } = await generateText({ ...plain, prompt: asked.prompt, providerOptions });
    return { text, reasoningText };
  },

  /** The default provider speaks `/v1/responses`, and names what it was told before by its id alone. */
  async secondTurn() {
    let references = 0;
    const noting = (url, options) => {
      references += JSON.parse(options.body).input.filter((item) => item.type === "item_reference").length;
      return fetch(url, options);
    };
    const openai = createOpenAI({ baseURL: `${asked.url}/v1`, apiKey: "none", fetch: noting })(asked.model);
    const rules = { ...plain, model: openai, tools, stopWhen: stepCountIs(3) };
    const turns = [{ role: "user", content: asked.prompt }];
    const first = await generateText({ ...rules, messages: turns });
    turns.push(...first.response.messages, { role: "user", content: asked.next });
    const second = await generateText({ ...rules, messages: turns });
    return { texts: [first.text, second.text], references };
  },

  async cancel() {
    const stop = new AbortController();
    const answer = streamText({ ...plain, prompt: asked.prompt, abortSignal: stop.signal, onError });
    let heard = 0;
    for await (const part of answer.fullStream) {
      if (part.type === "text-delta" && ++heard === 3) stop.abort();
    }
    return { heard };
  },

  async error() {
    try {
      await generateText({ ...plain, prompt: asked.prompt });
    } catch (error) {
      const called = APICallError.isInstance(error);
      return { called, status: error.statusCode, body: called && JSON.parse(error.responseBody) };
    }
    return {};
  },

  async brokenStream() {
    const answer = streamText({ ...plain, prompt: asked.prompt, onError });
    const heard = [];
    let error = null;
    for await (const part of answer.fullStream) {
      if (part.type === "text-delta") heard.push(part.text);
      if (part.type === "error") error = part.error?.message ?? String(part.error);
    }
    return { heard: heard.join(""), error };
  },
};

console.log(JSON.stringify(await questions[asked.what]()));

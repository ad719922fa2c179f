"""An engine without a model: it speaks Ollama's protocol and OpenAI's truly, and answers by rules.

The engine calls the tools that a prompt names, fills schemas, describes a picture's format and size, thinks on request,
makes vectors, and fails on command (`bench.scripted_orders`). So clients can be tried where there is no GPU.

    python -m bench.scripted_engine --port 11434

Models: `scripted:1b` can do everything, `scripted-plain:1b` only text, `scripted-embed:1b` only vectors.
`GET /scripted/book?prompt=…` returns what was requested, and whether its caller hung up.
"""

from __future__ import annotations

import argparse
import asyncio

import uvloop
from aiohttp import web

from bench.scripted_ollama import OllamaSide
from bench.scripted_openai import OpenAISide
from bench.scripted_pace import Pace
from bench.scripted_reply import Speaker
from bench.scripted_room import Room

MOST_BYTES = 64 * 1024 * 1024  # of a request: pictures are long


def create_app(rate: float = 0.0, key: str = "") -> web.Application:
    """The whole engine. `rate`: tokens a second of an answer, 0 without a pause. `key`: OpenAI's side requires it."""
    app = web.Application(client_max_size=MOST_BYTES)
    room = Room(Speaker(Pace(rate)))
    app.add_routes([*OllamaSide(room).routes(), *OpenAISide(room, key).routes()])
    app.add_routes([web.get("/scripted/book", room.book)])
    return app


async def serve(host: str, port: int, rate: float, key: str) -> None:
    # A handler whose caller has hung up is cancelled, so the engine stops working on that answer.
    runner = web.AppRunner(create_app(rate, key), handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="An engine without a model, that speaks Ollama's and OpenAI's protocol."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=11434)
    parser.add_argument("--rate", type=float, default=200.0, help="tokens a second of each answer; 0: no pause")
    parser.add_argument("--key", default="", help="a bearer token that the OpenAI side asks for")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.host, arguments.port, arguments.rate, arguments.key))


if __name__ == "__main__":
    main()

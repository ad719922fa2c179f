"""The floor: what a bare FastAPI `StreamingResponse` costs that yields ready-made frames from memory at a set pace.

No queue, no engine, no JSON: an API process cannot spend less on a token than this. At a set pace most of that cost
is the kernel waking the process up; without a pace it is that of a chunk alone. The floor answers the same request as
Ollama's `/api/chat`, so that the same load generator measures it.

    python -m bench.floor --port 8001
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from bench.fake_ollama import last_line, requested_pace, token_line

READY_MADE = 4096  # frames made before the first request, more than any scenario's answer has


async def paced(frames: list[bytes], rate: float) -> AsyncIterator[bytes]:
    """Yields each frame at its time, `rate` a second; a rate of 0 yields all frames without a pause."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, frame in enumerate(frames):
        yield frame
        if rate:
            await asyncio.sleep(began + (number + 1) / rate - loop.time())


def create_app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    frames = [token_line(number) for number in range(READY_MADE)]
    end = last_line(READY_MADE, 0)

    @app.post("/api/chat")
    async def chat(request: Request) -> Response:
        tokens, rate = requested_pace(await request.json())
        return StreamingResponse(paced([*frames[:tokens], end], rate), media_type="application/x-ndjson")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A bare StreamingResponse, for comparison.")
    parser.add_argument("--port", type=int, default=8001)
    arguments = parser.parse_args()
    uvicorn.run(create_app(), port=arguments.port, log_level="warning", access_log=False, loop="uvloop")


if __name__ == "__main__":
    main()

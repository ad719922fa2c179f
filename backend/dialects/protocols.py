"""The protocols that are spoken here: a new one is a folder, and one line here.

They stand in a file of their own: else the import of a single schema from one room would import all rooms.
"""

from __future__ import annotations

from backend.dialects.anthropic.protocol import ANTHROPIC
from backend.dialects.langserve.protocol import LANGSERVE
from backend.dialects.native.protocol import NATIVE
from backend.dialects.ollama.protocol import OLLAMA
from backend.dialects.openai.protocol import OPENAI
from backend.dialects.responses.protocol import RESPONSES
from backend.entrance.protocols import ClientProtocol

# In this order the app looks for a route: Anthropic's before OpenAI's, since its clients share paths with those.
PROTOCOLS: tuple[ClientProtocol, ...] = (OLLAMA, NATIVE, LANGSERVE, RESPONSES, ANTHROPIC, OPENAI)

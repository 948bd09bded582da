"""Libraries of others that do what this one does, each used as its documentation says, behind the face of ``clients``.

Each lives in an environment of its own, since they pin what the others need otherwise: ``peer_environments.py FOLDER``
makes them, ``run.py --peers FOLDER`` measures what is in them. A library that is not there is left out.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import Any

from clients import MESSAGES, PARAMETERS, TIMEOUT, TOOLS, AsyncClient

KEY = "sk-stub"


def _arguments(deltas: list[Any]) -> list[str]:
    """Put the tool calls of a stream together, as OpenAI's own deltas have them."""
    parts: dict[int, list[str]] = {}
    for call in deltas:
        parts.setdefault(call.index, []).append(call.function.arguments or "")
    return ["".join(found) for found in parts.values()]


class LiteLLM:
    """litellm's own function, asynchronous."""

    def __init__(self, base_url: str) -> None:
        # It would ask the network for prices while it is imported, for many seconds where there is none.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm

        litellm.telemetry = False
        self._ask = litellm.acompletion
        self._more = {"api_base": base_url, "api_key": KEY, "temperature": 0.2, "timeout": TIMEOUT}

    async def call(self, model: str) -> str:
        answer = await self._ask(model=f"openai/{model}", messages=MESSAGES, **self._more)
        return str(answer.choices[0].message.content)

    async def _chunks(self, model: str, **more: Any) -> AsyncIterator[Any]:
        stream = await self._ask(model=f"openai/{model}", messages=MESSAGES, stream=True, **self._more, **more)
        async for chunk in stream:
            if chunk.choices:
                yield chunk.choices[0].delta

    async def texts(self, model: str) -> AsyncIterator[str]:
        async for delta in self._chunks(model):
            if delta.content:
                yield delta.content

    async def tools(self, model: str) -> list[str]:
        return _arguments([call async for d in self._chunks(model, tools=TOOLS) for call in d.tool_calls or ()])

    async def aclose(self) -> None:
        """Nothing is held that it lets one close."""


class AnyLLM:
    """any-llm's own function, asynchronous."""

    def __init__(self, base_url: str) -> None:
        from any_llm import acompletion

        self._ask = acompletion
        self._more = {"provider": "openai", "api_base": base_url, "api_key": KEY, "temperature": 0.2}

    async def call(self, model: str) -> str:
        answer: Any = await self._ask(model=model, messages=MESSAGES, **self._more)
        return str(answer.choices[0].message.content)

    async def _chunks(self, model: str, **more: Any) -> AsyncIterator[Any]:
        stream: Any = await self._ask(model=model, messages=MESSAGES, stream=True, **self._more, **more)
        async for chunk in stream:
            if chunk.choices:
                yield chunk.choices[0].delta

    async def texts(self, model: str) -> AsyncIterator[str]:
        async for delta in self._chunks(model):
            if delta.content:
                yield delta.content

    async def tools(self, model: str) -> list[str]:
        return _arguments([call async for d in self._chunks(model, tools=TOOLS) for call in d.tool_calls or ()])

    async def aclose(self) -> None:
        """Nothing is held that it lets one close."""


class LangChain:
    """langchain-openai's chat model."""

    def __init__(self, base_url: str) -> None:
        from langchain_openai import ChatOpenAI

        self._make = lambda model: ChatOpenAI(
            model=model, base_url=base_url, api_key=KEY, temperature=0.2, timeout=TIMEOUT
        )
        self._made: dict[str, Any] = {}

    def _model(self, model: str) -> Any:
        if model not in self._made:
            self._made[model] = self._make(model)
        return self._made[model]

    async def call(self, model: str) -> str:
        return str((await self._model(model).ainvoke(MESSAGES)).content)

    async def texts(self, model: str) -> AsyncIterator[str]:
        async for chunk in self._model(model).astream(MESSAGES):
            if chunk.content:
                yield str(chunk.content)

    async def tools(self, model: str) -> list[str]:
        parts: dict[int, list[str]] = {}
        async for chunk in self._model(model).bind_tools(TOOLS).astream(MESSAGES):
            for call in chunk.tool_call_chunks:
                parts.setdefault(call["index"], []).append(call["args"] or "")
        return ["".join(found) for found in parts.values()]

    async def aclose(self) -> None:
        """Nothing is held that it lets one close."""


class PydanticAI:
    """pydantic-ai's direct requests, without an agent."""

    def __init__(self, base_url: str) -> None:
        from pydantic_ai import messages
        from pydantic_ai.direct import model_request, model_request_stream
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider
        from pydantic_ai.tools import ToolDefinition

        provider = OpenAIProvider(base_url=base_url, api_key=KEY)
        self._make = lambda model: OpenAIChatModel(model, provider=provider)
        self._ask, self._stream, self._messages = model_request, model_request_stream, messages
        parts = [messages.SystemPromptPart(MESSAGES[0]["content"]), messages.UserPromptPart(MESSAGES[1]["content"])]
        self._prompt = [messages.ModelRequest(parts=parts)]
        search = ToolDefinition(name="search", description="Search the web", parameters_json_schema=PARAMETERS)
        self._tools = ModelRequestParameters(function_tools=[search], allow_text_output=True)
        self._settings: Any = {"temperature": 0.2, "timeout": TIMEOUT}
        self._made: dict[str, Any] = {}

    def _model(self, model: str) -> Any:
        if model not in self._made:
            self._made[model] = self._make(model)
        return self._made[model]

    async def call(self, model: str) -> str:
        answer: Any = await self._ask(self._model(model), self._prompt, model_settings=self._settings)
        return str(answer.parts[0].content)

    async def texts(self, model: str) -> AsyncIterator[str]:
        kinds = self._messages
        async with self._stream(self._model(model), self._prompt, model_settings=self._settings) as stream:
            async for event in stream:
                if isinstance(event, kinds.PartStartEvent) and isinstance(event.part, kinds.TextPart):
                    if event.part.content:
                        yield event.part.content
                elif isinstance(event, kinds.PartDeltaEvent) and isinstance(event.delta, kinds.TextPartDelta):
                    yield event.delta.content_delta

    async def tools(self, model: str) -> list[str]:
        asked = self._stream(
            self._model(model), self._prompt, model_settings=self._settings, model_request_parameters=self._tools
        )
        async with asked as stream:
            async for _ in stream:
                continue
            answer = stream.get()
        return [call.args_as_json_str() for call in answer.parts if isinstance(call, self._messages.ToolCallPart)]

    async def aclose(self) -> None:
        """Nothing is held that it lets one close."""


PEERS: dict[str, Callable[[str], AsyncClient]] = {
    "litellm": LiteLLM,
    "any-llm": AnyLLM,
    "langchain-openai": LangChain,
    "pydantic-ai": PydanticAI,
}
"""Makers of asynchronous clients, by the name of the library."""

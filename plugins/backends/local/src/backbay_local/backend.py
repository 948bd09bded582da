"""The backend: requests to an engine in this process, and its chunks as events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from backbay.backend import Backend
from backbay.errors import ClosedError, ConfigurationError, DecodeError, TruncatedError
from backbay.events import Event, ToolDelta
from backbay.folding import Fold
from backbay.request import Request
from backbay.response import Embeddings, Health, ModelInfo, Response
from backbay.settings import Settings
from backbay.spec import BackendSpec
from backbay.wires.chat_chunks import ChunkReader
from backbay.wires.completions import as_chunk
from backbay.wires.reading import whole_number

from .bodies import chat_body, embedding_bodies, joined, raw_body, read_vectors
from .job import Chunk, Emit, Job, Server, Work
from .plans import TINY, Choices, ModelFile, Plan, find
from .pool import Engines
from .refusals import check_form, engine_error


class LocalBackend(Backend):
    """A model in this process. It is loaded by the first call, and shared with other backends of the same set-up.

    Args:
        spec: The backend's declaration.
        model: ``"tiny"``, the path of a GGUF file, or ``None``.
        settings: How this object is set up.

    Raises:
        ConfigurationError: ``context``, ``slots`` or ``threads`` is out of its bounds.
    """

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(spec, model, settings)
        self._choices = Choices.of(self.settings.config)
        # All three are shared with the views that with_options gives.
        self._engines = Engines()
        self._files: dict[str, ModelFile] = {}
        self._jobs: set[Job] = set()

    async def _stream(self, request: Request) -> AsyncIterator[Event]:
        assert request.model is not None
        model = await self._file(request.model)
        body = chat_body(request, greedy=model.tiny)

        def work(server: Server, emit: Emit) -> None:
            server.handle_chat_completions(body, emit)

        reader = ChunkReader()
        async with self._job(model.plan(self._choices), work) as job:
            async for chunk in job:
                for event in _events(reader, chunk):
                    if _asked_for(event, request):
                        yield event
        for event in _last_events(reader):
            if _asked_for(event, request):
                yield event

    async def _complete_raw(self, request: Request) -> Response:
        assert request.model is not None
        model = await self._file(request.model)
        body = raw_body(request, greedy=model.tiny)

        def work(server: Server, emit: Emit) -> None:
            server.handle_completions(body, emit)

        reader, folded = ChunkReader(), Fold()
        # Streamed, as all that the engine does: so it can be stopped at each piece.
        async with self._job(model.plan(self._choices), work) as job:
            async for chunk in job:
                for event in _events(reader, as_chunk(chunk)):
                    folded.add(event)
        for event in _last_events(reader):
            folded.add(event)
        return check_form(folded.response(), request)

    async def _count_tokens(self, request: Request) -> int:
        assert request.model is not None
        model = await self._file(request.model)
        body = chat_body(request, greedy=model.tiny)

        def work(server: Server, emit: Emit) -> None:
            server.handle_chat_completions(body, emit)

        async with self._job(model.plan(self._choices), work) as job:
            async for chunk in job:
                # The engine says how long the prompt is before it has read it; leaving stops it there.
                total = _length(chunk)
                if total is not None:
                    return total
                if "error" in chunk:
                    raise engine_error(chunk)
        raise DecodeError("The engine did not say how long the prompt is.")

    async def _embed(self, model: str | None, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        if model is None:
            raise ConfigurationError("There is no model to embed with.", hint="Connect to local:tiny, or give model=.")
        file = await self._file(model)
        plan = file.plan(self._choices, embedding=True)
        return joined([await self._embed_some(plan, body) for body in embedding_bodies(inputs, extra)])

    async def _embed_some(self, plan: Plan, body: dict[str, object]) -> Embeddings:
        def work(server: Server, emit: Emit) -> None:
            emit(server.handle_embeddings(body))

        async with self._job(plan, work) as job:
            return read_vectors(await anext(job), body, plan)

    async def _list_models(self) -> Sequence[ModelInfo]:
        names = [TINY] if self.model in (None, TINY) else [TINY, str(self.model)]
        return [self._describe(await self._file(name)) for name in names]

    async def _probe(self) -> Health:
        model = await self._file(self.model or TINY)
        await self._engines.get(model.plan(self._choices))
        return Health(reachable=True)

    async def _aclose(self) -> None:
        for job in tuple(self._jobs):
            job.fail(ClosedError("The backend was closed before the answer was whole."))
        await asyncio.to_thread(self._engines.close)

    async def _file(self, model: str) -> ModelFile:
        """Return the file of a model, looked for once."""
        if model not in self._files:
            self._files[model] = await asyncio.to_thread(find, model)
        return self._files[model]

    @asynccontextmanager
    async def _job(self, plan: Plan, work: Work) -> AsyncIterator[Job]:
        """Have ``work`` done by the engine for ``plan``; leaving stops it."""
        engine = await self._engines.get(plan)
        job = Job(work)
        self._jobs.add(job)
        try:
            engine.submit(job)
            yield job
        finally:
            engine.cancel(job)
            self._jobs.discard(job)

    def _describe(self, model: ModelFile) -> ModelInfo:
        trained = model.head.context
        try:
            context = model.context(self._choices)
        except ConfigurationError:
            # Too much was chosen for this one; it may be listed all the same.
            context = trained or 0
        return ModelInfo(
            id=model.id,
            label=model.head.name,
            context_window=context,
            owned_by="backbay" if model.tiny else None,
            native=True,
            raw={"path": str(model.path), "architecture": model.head.architecture, "trained_context": trained},
        )


def _length(chunk: Chunk) -> int | None:
    """Return how many tokens the prompt has, if the chunk says it: that it was read, or that it is too long."""
    said, name = (chunk["error"], "n_prompt_tokens") if "error" in chunk else (chunk.get("prompt_progress"), "total")
    return whole_number(said.get(name)) if isinstance(said, dict) else None


def _events(reader: ChunkReader, chunk: Chunk) -> Sequence[Event]:
    if "prompt_progress" in chunk:
        # The prompt is still being read: not yet the beginning of an answer.
        return ()
    if "error" in chunk:
        raise engine_error(chunk)
    return _sound(reader, reader.read(chunk))


def _last_events(reader: ChunkReader) -> Sequence[Event]:
    if not reader.finished:
        raise TruncatedError("The engine stopped before the answer was whole.")
    return _sound(reader, reader.end())


def _sound(reader: ChunkReader, events: Sequence[Event]) -> Sequence[Event]:
    if reader.failure is not None:
        raise reader.failure
    return events


def _asked_for(event: Event, request: Request) -> bool:
    # The engine has no way to hold a model to one call.
    return not (request.parallel_tool_calls is False and isinstance(event, ToolDelta) and event.index > 0)

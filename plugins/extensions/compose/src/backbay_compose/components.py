"""Components: the inner nodes of a prompt. A class says that it is one; having the four methods is not enough."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar, final

from .errors import ComponentParseError

if TYPE_CHECKING:
    from .blocks import AudioBlock, CBlock, ImageBlock
    from .thunks import ModelOutputThunk
    from .tools import ModelTool

Span: TypeAlias = "CBlock | Component[object] | ModelOutputThunk"
"""What a prompt is made of."""

T_co = TypeVar("T_co", covariant=True)

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRepresentation:
    """How a component looks to a model: a template and what is put into it, and what stands beside the text.

    Attributes:
        obj: The component.
        args: What the template is given by name: spans, which are rendered first, and any other values.
        template: The template's own text, in Jinja's language; ``None`` to look one up by name.
        template_order: Names under which a template is looked for, the first that exists counts; ``"*"`` stands for
            the name of the component's class.
        tools: Tools that the component offers, by name; ``None`` for none.
        fields: Names of what ``args`` has, in order, for templates that list them.
        images: Images beside the text.
        audio: Sounds beside the text.
        role: Who speaks, where the component is a turn of its own.
        thinking: What an assistant's turn thought, or ``None``.
        tool_call_id: Which call a tool's turn answers.
        tool_name: The tool's name on a tool's turn.
        is_error: Whether a tool's turn says that the tool failed; ``None`` says nothing.
    """

    obj: Component[object]
    args: Mapping[str, object] = field(default_factory=dict)
    template: str | None = None
    template_order: Sequence[str] = ("*",)
    tools: Mapping[str, ModelTool] | None = None
    fields: Sequence[str] = ()
    images: Sequence[ImageBlock] = ()
    audio: Sequence[AudioBlock] = ()
    role: Role = "user"
    thinking: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    is_error: bool | None = None


class Component(ABC, Generic[T_co]):
    """A part of a prompt that is made of parts, and that reads the result that is generated for it.

    ``T_co`` is what it reads: ``str`` where ``_parse`` is not overridden.
    """

    @abstractmethod
    def parts(self) -> Sequence[Span]:
        """Return what this is made of, in order. Thunks among it are computed before this is rendered."""

    @abstractmethod
    def format_for_llm(self) -> TemplateRepresentation | str:
        """Return how this looks to a model.

        Called when its thunks are computed; and before that for the tools that it offers, when nothing else is read.
        """

    def _parse(self, computed: ModelOutputThunk) -> T_co:
        """Read a result; raise whatever fits if it cannot be read. Override this."""
        return str(computed)  # type: ignore[return-value]

    @final
    def parse(self, computed: ModelOutputThunk) -> T_co:
        """Read a result that was generated for this component.

        Raises:
            ComponentParseError: It cannot be read; chained from what ``_parse`` raised.
        """
        try:
            return self._parse(computed)
        except ComponentParseError:
            raise
        except Exception as failure:
            raise ComponentParseError(
                f"{type(self).__name__} cannot read its result: {type(failure).__name__}: {failure}"
            ) from failure


class Message(Component[str]):
    """One turn of a conversation, as a component.

    Args:
        role: Who speaks.
        content: Text, or a span.
        images: Images beside it.
        audio: Sounds beside it.
    """

    def __init__(
        self,
        role: Role,
        content: str | Span,
        *,
        images: Sequence[ImageBlock] = (),
        audio: Sequence[AudioBlock] = (),
    ) -> None:
        from .walks import as_span

        self.role: Role = role
        self.content = as_span(content)
        self.images = tuple(images)
        self.audio = tuple(audio)

    def parts(self) -> Sequence[Span]:
        """Return the content, the images and the sounds."""
        return [self.content, *self.images, *self.audio]

    def format_for_llm(self) -> TemplateRepresentation:
        """Return the turn."""
        return TemplateRepresentation(
            obj=self,
            args={"content": self.content},
            template="{{ content }}",
            role=self.role,
            images=self.images,
            audio=self.audio,
        )


class Instruction(Component[str]):
    """A task in words, with what it is about.

    Args:
        description: The task; a Jinja template, which is given ``values`` by name.
        values: What the description names: strings, spans, or any values that print well.
        grounding: What the answer shall rest on, by a name of each: texts or spans, set out below the task.
        images: Images beside it.
        tools: Tools that it offers.
    """

    def __init__(
        self,
        description: str,
        values: Mapping[str, object] | None = None,
        *,
        grounding: Mapping[str, str | Span] | None = None,
        images: Sequence[ImageBlock] = (),
        tools: Sequence[ModelTool] = (),
    ) -> None:
        from .walks import as_span

        self.description = description
        self.values = dict(values or {})
        self.grounding = {name: as_span(value) for name, value in (grounding or {}).items()}
        self.images = tuple(images)
        self.tools = {tool.name: tool for tool in tools}

    def parts(self) -> Sequence[Span]:
        """Return the spans among the values, the grounding, and the images."""
        from .walks import is_span

        named = [value for value in self.values.values() if is_span(value)]
        return [*named, *self.grounding.values(), *self.images]

    def format_for_llm(self) -> TemplateRepresentation:
        """Return the task, and below it the grounding."""
        return TemplateRepresentation(
            obj=self,
            args={**self.values, "grounding": self.grounding},
            template=self.description + _GROUNDING,
            tools=self.tools or None,
            images=self.images,
        )


_GROUNDING = "{% for name, text in grounding.items() %}\n\n[{{ name }}]\n{{ text }}{% endfor %}"


class ToolResult(Component[str]):
    """What a tool gave, as a turn that answers its call.

    Args:
        content: The result, as text or as a span.
        call_id: The id of the call.
        name: The tool's name.
        is_error: Whether the tool failed, said in a field of its own: some wires have none, and refuse that. In words,
            as ``run_tools`` says it, it can be said on every wire.
    """

    def __init__(self, content: str | Span, *, call_id: str, name: str, is_error: bool = False) -> None:
        from .walks import as_span

        self.content = as_span(content)
        self.call_id, self.name, self.is_error = call_id, name, is_error

    def parts(self) -> Sequence[Span]:
        """Return the result."""
        return [self.content]

    def format_for_llm(self) -> TemplateRepresentation:
        """Return the turn."""
        return TemplateRepresentation(
            obj=self,
            args={"content": self.content},
            template="{{ content }}",
            role="tool",
            tool_call_id=self.call_id,
            tool_name=self.name,
            is_error=self.is_error or None,
        )

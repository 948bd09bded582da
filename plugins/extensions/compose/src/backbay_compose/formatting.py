"""How spans become messages, or text: templates in Jinja's sandbox, filled from the leaves upwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from backbay import AudioPart, ImagePart, Message, TextPart, ThinkingPart
from backbay.messages import Part

from .blocks import AudioBlock, CBlock, ImageBlock
from .components import Component, TemplateRepresentation
from .errors import TemplateError, ThunkError
from .thunks import ModelOutputThunk
from .walks import bottom_up, is_span, spans

if TYPE_CHECKING:
    from .components import Span

MAX_TEMPLATES = 512
# Templates that stay compiled.


class Formatter(Protocol):
    """How a composer makes prompts. ``TemplateFormatter`` is the one that there is."""

    def to_messages(self, view: Sequence[Span]) -> list[Message]:
        """Return the conversation that some spans make, oldest first; all their thunks are computed.

        Raises:
            TemplateError: A template is missing or wrong.
        """

    def to_text(self, span: Span) -> str:
        """Return a span as text alone; its thunks are computed.

        Raises:
            TemplateError: A template is missing or wrong.
        """

    def check(self, span: Span) -> None:
        """Find what can be found to be wrong with a span before all of its thunks are computed.

        Raises:
            TemplateError: A template is missing or wrong.
        """


class TemplateFormatter:
    """Fills the templates of components.

    Args:
        templates: Templates by name, for components that name theirs instead of carrying it.

    Raises:
        TemplateError: One of them is no template.
    """

    def __init__(self, templates: Mapping[str, str] | None = None) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True
        )
        self._named = {name: self._compiled(text, name) for name, text in (templates or {}).items()}
        self._known: dict[str, jinja2.Template] = {}

    def to_messages(self, view: Sequence[Span]) -> list[Message]:
        """Return the conversation that some spans make, oldest first; what has no text and no part is left out."""
        found: list[Message] = []
        for span in view:
            message = self._message(span)
            if message is not None:
                found.append(message)
        return found

    def to_text(self, span: Span) -> str:
        """Return a span as text alone, without its images."""
        return self._texts(span)[id(span)]

    def check(self, span: Span) -> None:
        """Fill the templates of a tree that rest on no thunk that is still open; look the others over.

        Raises:
            TemplateError: One is missing or wrong.
        """
        done: dict[int, str] = {}
        for each in bottom_up(span):
            if isinstance(each, ModelOutputThunk) and not each.is_computed():
                continue
            if not isinstance(each, Component) or all(id(part) in done for part in each.parts()):
                done[id(each)] = self._text(each, done)
            elif (shown := _shown_early(each)) is not None:
                self._template(shown)

    def _message(self, span: Span) -> Message | None:
        if isinstance(span, ModelOutputThunk):
            return _said(span)
        if isinstance(span, ImageBlock | AudioBlock):
            return Message(role="user", content=(span.part,))
        if isinstance(span, CBlock):
            text = str(span)
            if not text:
                return None
            return Message(role="user", content=(TextPart(text=text, cache="5m"),) if span.cache else text)
        assert isinstance(span, Component)
        shown = span.format_for_llm()
        text = self.to_text(span)
        if isinstance(shown, str):
            return Message(role="user", content=_with_media(text, _media(span)) or None) if text else None
        content = _with_media(text, _media(span, shown))
        if shown.thinking and shown.role == "assistant":
            content = (ThinkingPart(text=shown.thinking), *_as_parts(content))
        if not content and shown.role != "tool":
            return None
        return Message(
            role=shown.role,
            content=content,
            tool_call_id=shown.tool_call_id,
            name=shown.tool_name,
            is_error=shown.is_error,
        )

    def _texts(self, root: Span) -> dict[int, str]:
        """Return the text of a span and of all below it, by identity: leaves first, however deep the tree is."""
        done: dict[int, str] = {}
        for span in bottom_up(root):
            done[id(span)] = self._text(span, done)
        return done

    def _text(self, span: Span, done: Mapping[int, str]) -> str:
        if isinstance(span, ModelOutputThunk):
            if span.value is None:
                raise ThunkError("A thunk in the prompt is not computed.")
            return span.value
        if not isinstance(span, Component):
            return str(span)
        shown = span.format_for_llm()
        if isinstance(shown, str):
            return shown
        template = self._template(shown)
        try:
            return template.render({name: self._filled(value, done) for name, value in shown.args.items()})
        except jinja2.TemplateError as failure:
            raise TemplateError(
                f"The template of {type(shown.obj).__name__} cannot be filled: {failure.message or failure}."
            ) from failure
        except Exception as failure:
            raise TemplateError(
                f"The template of {type(shown.obj).__name__} failed: {type(failure).__name__}: {failure}."
            ) from failure

    def _filled(self, value: object, done: Mapping[int, str]) -> object:
        """Return what a template sees for a value: text for spans, also inside lists and mappings."""
        if is_span(value):
            found = done.get(id(value))
            return self.to_text(value) if found is None else found
        if isinstance(value, Mapping):
            return {key: self._filled(item, done) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._filled(item, done) for item in value]
        return value

    def _template(self, shown: TemplateRepresentation) -> jinja2.Template:
        if shown.template is not None:
            known = self._known.get(shown.template)
            if known is None:
                if len(self._known) >= MAX_TEMPLATES:
                    self._known.clear()
                known = self._compiled(shown.template, type(shown.obj).__name__)
                self._known[shown.template] = known
            return known
        wanted = [type(shown.obj).__name__ if name == "*" else name for name in shown.template_order]
        for name in wanted:
            if name in self._named:
                return self._named[name]
        raise TemplateError(
            f"There is no template {' or '.join(wanted)} for a {type(shown.obj).__name__}.",
            hint="Give it to TemplateFormatter(templates={...}), or let format_for_llm() return its text.",
        )

    def _compiled(self, text: str, name: str) -> jinja2.Template:
        try:
            return self._environment.from_string(text)
        except jinja2.TemplateSyntaxError as failure:
            raise TemplateError(f"The template {name} is wrong in line {failure.lineno}: {failure.message}.") from None


def _shown_early(component: Component[object]) -> TemplateRepresentation | None:
    """Return how a component with open thunks looks, if it can say so by a template now."""
    try:
        shown = component.format_for_llm()
    except Exception:  # noqa: BLE001 (it may well need what its thunks will say)
        return None
    return None if isinstance(shown, str) else shown


def _said(thunk: ModelOutputThunk) -> Message | None:
    """Return a computed thunk as the assistant's turn that it was, with its calls and its thoughts."""
    if thunk.response is not None:
        message = thunk.response.message
        return message if message.content or message.tool_calls else None
    return Message(role="assistant", content=thunk.value) if thunk.value else None


def _media(component: Component[object], shown: TemplateRepresentation | None = None) -> list[ImagePart | AudioPart]:
    """Return the images and sounds of a component and of all below it, in order, each once."""
    found: dict[int, ImagePart | AudioPart] = {}
    for span in [*spans(component, once=True), *(shown.images if shown else ()), *(shown.audio if shown else ())]:
        if isinstance(span, ImageBlock | AudioBlock):
            found[id(span)] = span.part
    return list(found.values())


def _with_media(text: str, media: Sequence[ImagePart | AudioPart]) -> str | tuple[Part, ...]:
    return (*_as_parts(text), *media) if media else text


def _as_parts(content: str | tuple[Part, ...]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(text=content),) if content else ()
    return content


class ChatTemplate:
    """A model's own chat template, for engines that continue a raw prompt: messages in, one text out.

    Args:
        source: The template, as model cards have it: Jinja over ``messages``, ``tools``, ``add_generation_prompt``.
        values: What else it names, such as ``bos_token``.

    Raises:
        TemplateError: It is no template.
    """

    def __init__(self, source: str, **values: str) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._values = values
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateSyntaxError as failure:
            raise TemplateError(f"The chat template is wrong in line {failure.lineno}: {failure.message}.") from None

    def render(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> str:
        """Return the prompt, up to where the assistant begins to speak.

        Raises:
            TemplateError: The template refuses these messages, or they have images or sounds.
        """
        turns = []
        for message in messages:
            if any(isinstance(part, ImagePart | AudioPart) for part in message.parts()):
                raise TemplateError("A chat template makes text; these messages have images or sounds.")
            turns.append({"role": message.role, "content": message.text})
        try:
            return self._template.render(
                messages=turns, tools=list(tools) or None, add_generation_prompt=True, **self._values
            )
        except jinja2.TemplateError as failure:
            raise TemplateError(f"The chat template cannot be filled: {failure.message or failure}.") from failure


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def rough_text(component: Component[object]) -> str:
    """Return about what a component says, whatever of it is not computed left out: for a rough count of tokens."""
    pieces = [str(span) for span in spans(component, once=True) if not isinstance(span, Component)]
    shown = component.format_for_llm() if not any(_open(part) for part in component.parts()) else ""
    return (shown if isinstance(shown, str) else shown.template or "") + "".join(pieces)


def _open(part: object) -> bool:
    return isinstance(part, ModelOutputThunk) and not part.is_computed()

"""Programs made of many generations, over any Backbay backend.

Names here are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blocks import AudioBlock as AudioBlock
    from .blocks import CBlock as CBlock
    from .blocks import ImageBlock as ImageBlock
    from .components import Component as Component
    from .components import Instruction as Instruction
    from .components import Message as Message
    from .components import TemplateRepresentation as TemplateRepresentation
    from .components import ToolResult as ToolResult
    from .composer import Composer as Composer
    from .composer import ComposeWarning as ComposeWarning
    from .contexts import ChatContext as ChatContext
    from .contexts import Context as Context
    from .contexts import SimpleContext as SimpleContext
    from .errors import ComponentParseError as ComponentParseError
    from .errors import ContextTypeMismatchError as ContextTypeMismatchError
    from .errors import CycleError as CycleError
    from .errors import RequirementError as RequirementError
    from .errors import SpanError as SpanError
    from .errors import TemplateError as TemplateError
    from .errors import ThunkError as ThunkError
    from .errors import ToolRoundsError as ToolRoundsError
    from .explaining import explain as explain
    from .formatting import ChatTemplate as ChatTemplate
    from .formatting import Formatter as Formatter
    from .formatting import TemplateFormatter as TemplateFormatter
    from .looping import run_tools as run_tools
    from .metadata import GenerateLog as GenerateLog
    from .metadata import GenerationMetadata as GenerationMetadata
    from .options import ModelOption as ModelOption
    from .requirements import Requirement as Requirement
    from .requirements import ValidationResult as ValidationResult
    from .requirements import validate as validate
    from .runs import Run as Run
    from .runs import record as record
    from .sampling import RejectionSampling as RejectionSampling
    from .sampling import Repair as Repair
    from .sampling import SamplingResult as SamplingResult
    from .sampling import sample as sample
    from .summaries import RunSummary as RunSummary
    from .sync import SyncComposer as SyncComposer
    from .thunks import ModelOutputThunk as ModelOutputThunk
    from .tools import ModelTool as ModelTool
    from .tools import ModelToolCall as ModelToolCall
    from .tools import tool as tool
    from .tries import Attempt as Attempt
    from .walks import do_generate_walk as do_generate_walk
    from .walks import do_generate_walks as do_generate_walks
    from .walks import generate_walk as generate_walk

_HOME = {
    "blocks": "AudioBlock CBlock ImageBlock",
    "components": "Component Instruction Message TemplateRepresentation ToolResult",
    "composer": "ComposeWarning Composer",
    "contexts": "ChatContext Context SimpleContext",
    "errors": "ComponentParseError ContextTypeMismatchError CycleError RequirementError SpanError TemplateError "
    "ThunkError ToolRoundsError",
    "explaining": "explain",
    "formatting": "ChatTemplate Formatter TemplateFormatter",
    "looping": "run_tools",
    "metadata": "GenerateLog GenerationMetadata",
    "options": "ModelOption",
    "requirements": "Requirement ValidationResult validate",
    "runs": "Run record",
    "sampling": "RejectionSampling Repair SamplingResult sample",
    "summaries": "RunSummary",
    "sync": "SyncComposer",
    "thunks": "ModelOutputThunk",
    "tools": "ModelTool ModelToolCall tool",
    "tries": "Attempt",
    "walks": "do_generate_walk do_generate_walks generate_walk",
}
_MODULE_OF = {name: module for module, listed in _HOME.items() for name in listed.split()}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)

"""Use any LLM inference vendor by name: ``backbay.connect("vendor:model")``.

Names here are loaded when first used, so that ``import backbay`` costs next to nothing: not even ``typing`` is loaded.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .backend import Backend as Backend
    from .batches import Batch as Batch
    from .batches import BatchLimits as BatchLimits
    from .batches import BatchRequest as BatchRequest
    from .batches import BatchResult as BatchResult
    from .batches import BatchStatus as BatchStatus
    from .capabilities import Capabilities as Capabilities
    from .capabilities import Capability as Capability
    from .capabilities import Support as Support
    from .connecting import connect as connect
    from .connecting import connect_sync as connect_sync
    from .detecting import Found as Found
    from .detecting import detect as detect
    from .detecting import detect_sync as detect_sync
    from .errors import *  # noqa: F403
    from .errors import BackbayError as BackbayError
    from .events import Ended as Ended
    from .events import Event as Event
    from .events import Started as Started
    from .events import Text as Text
    from .events import Thinking as Thinking
    from .events import ToolDelta as ToolDelta
    from .events import UsageSeen as UsageSeen
    from .executor import JobExecutor as JobExecutor
    from .executor import JobOutcome as JobOutcome
    from .fallbacks import fallback as fallback
    from .folding import fold as fold
    from .inference import InferenceBackend as InferenceBackend
    from .inference import InferenceModelSpec as InferenceModelSpec
    from .inference import InferenceRequest as InferenceRequest
    from .inference import InferenceResponse as InferenceResponse
    from .inference import ManualInferenceBackend as ManualInferenceBackend
    from .inference import OAuthClient as OAuthClient
    from .jobs import BackendHealth as BackendHealth
    from .jobs import BackendModel as BackendModel
    from .jobs import Job as Job
    from .jobs import JobResult as JobResult
    from .jobs import JobSink as JobSink
    from .jobs import job_error_code as job_error_code
    from .limits import Limits as Limits
    from .messages import AudioPart as AudioPart
    from .messages import FilePart as FilePart
    from .messages import HostedTool as HostedTool
    from .messages import ImagePart as ImagePart
    from .messages import Message as Message
    from .messages import ResponseFormat as ResponseFormat
    from .messages import TextPart as TextPart
    from .messages import ThinkingPart as ThinkingPart
    from .messages import ToolCall as ToolCall
    from .messages import ToolSpec as ToolSpec
    from .provider import Provider as Provider
    from .records import PluginRecord as PluginRecord
    from .records import PluginState as PluginState
    from .registry import inspect as inspect
    from .registry import names as names
    from .registry import refresh as refresh
    from .registry import register as register
    from .registry import resolve as resolve
    from .relay import Relay as Relay
    from .request import Request as Request
    from .response import Embeddings as Embeddings
    from .response import Finish as Finish
    from .response import Health as Health
    from .response import ModelInfo as ModelInfo
    from .response import Ranked as Ranked
    from .response import Ranking as Ranking
    from .response import Response as Response
    from .response import Usage as Usage
    from .retry import RetryBudget as RetryBudget
    from .retry import RetryPolicy as RetryPolicy
    from .routing import route as route
    from .secrets import Secret as Secret
    from .spec import BackendSpec as BackendSpec
    from .spec import Identity as Identity
    from .spec import ModelRule as ModelRule
    from .spec import URLPart as URLPart
    from .stream import EventStream as EventStream
    from .sync import SyncBackend as SyncBackend

_HOME = {
    "backend": "Backend",
    "batches": "Batch BatchLimits BatchRequest BatchResult BatchStatus",
    "capabilities": "Capabilities Capability Support",
    "connecting": "connect connect_sync",
    "detecting": "Found detect detect_sync",
    "errors": (
        "AmbiguousBackendError AuthenticationError BackbayError BackendImportError BadRequestError ClosedError "
        "ConfigurationError ConnectError ConnectionLostError ContentFilterError ContextLengthError DecodeError "
        "DisabledBackendError IncompatibleBackendError InvalidCredentialError InvalidRequestError LimitExceededError "
        "LoopError MissingCredentialError ModelNotFoundError NotFoundError OptionConflictError OverloadedError "
        "PermissionDeniedError PluginContractError ProtocolError QuotaExceededError RateLimitError RegistryError "
        "RequestError ReservedBackendError ResponseError ServerError TooLargeError TransportError TruncatedError "
        "UnknownBackendError UnknownOptionError UnsupportedError"
    ),
    "events": "Ended Event Started Text Thinking ToolDelta UsageSeen",
    "executor": "JobExecutor JobOutcome",
    "fallbacks": "fallback",
    "folding": "fold",
    "inference": (
        "InferenceBackend InferenceModelSpec InferenceRequest InferenceResponse ManualInferenceBackend OAuthClient"
    ),
    "jobs": "BackendHealth BackendModel Job JobResult JobSink job_error_code",
    "limits": "Limits",
    "messages": (
        "AudioPart FilePart HostedTool ImagePart Message ResponseFormat TextPart ThinkingPart ToolCall ToolSpec"
    ),
    "provider": "Provider",
    "records": "PluginRecord PluginState",
    "registry": "inspect names refresh register resolve",
    "relay": "Relay",
    "request": "Request",
    "response": "Embeddings Finish Health ModelInfo Ranked Ranking Response Usage",
    "retry": "RetryBudget RetryPolicy",
    "routing": "route",
    "secrets": "Secret",
    "spec": "BackendSpec Identity ModelRule URLPart",
    "stream": "EventStream",
    "sync": "SyncBackend",
}
_MODULE_OF = {name: module for module, listed in _HOME.items() for name in listed.split()}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is not None:
        value: object = getattr(import_module(f".{module}", __name__), name)
        globals()[name] = value
        return value
    if name == "__version__":
        from importlib_metadata import version

        return version("backbay")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

"""Every name of OpenTelemetry's GenAI conventions that is used here, and Backbay's own; nowhere else is one written.

The names are those of semantic conventions 1.44.0: the GenAI part has the status *Development*, and this is the last
version of the common registry that has it. It has since moved to a repository of its own
(open-telemetry/semantic-conventions-genai), which had made no release when it was read on 2026-11-21. There the span
attributes have the names below, but for ``USAGE_CACHE_WRITE`` (``gen_ai.usage.cache_write.input_tokens`` there), and
the metrics are being renamed (``gen_ai.client.inference.*``). Backends read 1.44.0 today; a move is a change of this
module alone.
"""

from __future__ import annotations

from collections.abc import Mapping

CONVENTIONS = "1.44.0"
"""The version of the semantic conventions."""

SCHEMA_URL = f"https://opentelemetry.io/schemas/{CONVENTIONS}"

SCOPE = "backbay_telemetry"
"""The instrumentation scope of all spans and metrics."""

# Span attributes: the operation, and who is asked.
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"

# What was asked for.
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_STOP = "gen_ai.request.stop_sequences"
REQUEST_REASONING = "gen_ai.request.reasoning.level"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
OUTPUT_TYPE = "gen_ai.output.type"

# What came.
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT = "gen_ai.usage.input_tokens"
USAGE_OUTPUT = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens"
USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens"
DIMENSIONS = "gen_ai.embeddings.dimension.count"

# Content, which is off by default.
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"

# The event of an exception, of the general conventions.
EXCEPTION = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"

# Backbay's own.
BACKEND = "backbay.backend"
ATTEMPTS = "backbay.attempts"
DROPPED = "backbay.dropped"
CLOSED = "backbay.closed"
RELAYED = "backbay.relayed"
RETRYABLE = "backbay.error.retryable"
PHASE = "backbay.error.phase"
COST_AMOUNT = "backbay.cost.amount"
COST_CURRENCY = "backbay.cost.currency"
COST_SOURCE = "backbay.cost.source"
COST_VERSION = "backbay.cost.version"

# Operations. The conventions have none for a ranking; they let one add to theirs.
CHAT = "chat"
TEXT_COMPLETION = "text_completion"
EMBEDDINGS = "embeddings"
RERANK = "rerank"

# Finish reasons: one that was expected and did not come.
FINISH_ERROR = "error"

# Metrics: histograms. Their bounds are those that the conventions advise.
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105
OPERATION_DURATION = "gen_ai.client.operation.duration"
OPERATION_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
OPERATION_PER_CHUNK = "gen_ai.client.operation.time_per_output_chunk"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105
TOKEN_INPUT = "input"  # noqa: S105
TOKEN_OUTPUT = "output"  # noqa: S105
TOKEN_BOUNDS = tuple(4**power for power in range(14))
SECOND_BOUNDS = tuple(round(0.01 * 2**power, 2) for power in range(14))

CAPTURE_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The variable that turns content on, as OpenTelemetry's own instrumentations of GenAI libraries have it."""
CAPTURE_ON_SPANS = frozenset({"true", "1", "span_only", "span_and_event"})
"""Its values, in lower case, that put content on spans."""

PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
"""What the conventions call a vendor that Backbay calls otherwise. All others have Backbay's name."""

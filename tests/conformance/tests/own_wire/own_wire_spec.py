"""A vendor with a wire of its own, for tests of recorded exchanges."""

from backbay import BackendSpec, Capabilities
from backbay.capabilities import Capability, Support

CAN = "generate streaming system_prompt tools forced_tool_choice streamed_tool_calls temperature max_tokens stop usage"

spec = BackendSpec(
    name="acme",
    label="Acme",
    wires=("acme_lines",),
    codec="own_wire_codec:LinesCodec",
    default_base_url="https://acme.example/v1",
    credential_env=("ACME_API_KEY",),
    models_path="models",
    health_path="models",
    capabilities=Capabilities(dict.fromkeys(Capability, Support.UNSUPPORTED)).with_(
        dict.fromkeys([*CAN.split(), "list_models", "health"], "full")
    ),
)

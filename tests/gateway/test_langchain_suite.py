"""langchain-tests' standard suite of chat models, on langchain-openai, over every replayed wire."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_tests")

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

pytestmark = pytest.mark.filterwarnings("ignore")


class _Suite(ChatModelIntegrationTests):
    place = ""
    has_tool_choice = True
    supports_json_mode = True
    supports_anthropic_inputs = True
    # The suite fetches its images, documents and sound from the network. That another model answers it sees by the name
    # in the answer, which is the vendor's own name of it, and not the gateway's.
    supports_image_inputs = False

    @pytest.fixture(autouse=True)
    def _behind(self, at):
        type(self).there = at(self.place)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict:
        there = self.there
        url = f"{there.gateway.url}/v1"
        return {
            "model": there.model("clever"),
            "base_url": url,
            "api_key": there.gateway.key,
            "max_retries": 0,
            "stream_usage": True,
        }


class TestOverChat(_Suite):
    place = "replayed chat"


class TestOverResponses(_Suite):
    place = "replayed responses"

    @pytest.mark.xfail(strict=True, reason="the responses wire has no stop sequences")
    def test_stop_sequence(self, model):
        super().test_stop_sequence(model)

    @pytest.mark.xfail(strict=True, reason="the responses wire has no place for a speaker's name")
    def test_message_with_name(self, model):
        super().test_message_with_name(model)


class TestOverMessages(_Suite):
    place = "replayed messages"

    @pytest.mark.xfail(strict=True, reason="Anthropic's wire has no place for a speaker's name")
    def test_message_with_name(self, model):
        super().test_message_with_name(model)

    @pytest.mark.xfail(strict=True, reason="Anthropic's wire has no JSON without a schema")
    def test_json_mode(self, model):
        super().test_json_mode(model)

"""Templates: what they show, what they cannot reach, and that a wrong one costs no request."""

from __future__ import annotations

import gc

import pytest

from backbay.errors import InvalidRequestError
from backbay_compose import (
    CBlock,
    ChatContext,
    ChatTemplate,
    Component,
    Composer,
    Instruction,
    Message,
    ModelOutputThunk,
    SimpleContext,
    TemplateError,
    TemplateFormatter,
    TemplateRepresentation,
    ThunkError,
    ToolResult,
)

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Shown(Component):
    """Shows itself as a test says."""

    def __init__(self, template=None, parts=(), text=None, **more):
        self.template, self.held, self.text, self.more = template, list(parts), text, more

    def parts(self):
        return self.held

    def format_for_llm(self):
        if self.text is not None:
            return self.text
        return TemplateRepresentation(obj=self, template=self.template, **self.more)


def text_of(span, **settings):
    return TemplateFormatter(**settings).to_text(span)


def test_a_template_sees_text_for_spans_in_lists_and_mappings_too():
    inner = Instruction("[{{ x }}]", {"x": ModelOutputThunk("thunk")})
    parts = [CBlock("one"), inner]
    shown = Shown(
        "{{ a }} {% for i in b %}{{ i }},{% endfor %} {{ c.k }} {{ n + 1 }}",
        parts,
        args={"a": parts[0], "b": parts, "c": {"k": inner}, "n": 1},
    )
    assert text_of(shown) == "one one,[thunk], [thunk] 2"


def test_what_a_value_says_is_never_taken_for_a_template():
    evil = "{{ 7 * 7 }}{% for x in y %}"
    assert text_of(Instruction("say {{ x }}", {"x": CBlock(evil)})) == f"say {evil}"
    assert text_of(Instruction("{{ x }}", {"x": ModelOutputThunk(evil)})) == evil
    assert text_of(Message("user", evil)) == evil
    assert text_of(Instruction("{{ x }}", {"x": "<b>&'\""})) == "<b>&'\""


@pytest.mark.parametrize(
    "attack",
    [
        "{{ x.__class__.__mro__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ items.append(1) }}",
        "{{ items.clear() }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{% include 'x' %}",
        "{% for i in range(10**9) %}{% endfor %}",
    ],
)
def test_a_template_reaches_nothing_but_its_values(attack):
    with pytest.raises(TemplateError):
        text_of(Instruction(attack, {"x": "text", "items": [1]}))


@pytest.mark.parametrize("wrong", ["{{ missing }}", "{{ x.missing.more }}", "{{ 1 / 0 }}", "{{ x + 1 }}"])
def test_a_template_that_cannot_be_filled_says_whose_it_is(wrong):
    with pytest.raises(TemplateError, match="Instruction"):
        text_of(Instruction(wrong, {"x": "text"}))


@pytest.mark.parametrize("wrong", ["{{ x", "{% if %}", "{% nonsense %}", "{{ x | nofilter }}"])
def test_a_template_that_is_none_is_refused(wrong):
    with pytest.raises(TemplateError):
        text_of(Instruction(wrong, {"x": "text"}))
    with pytest.raises(TemplateError, match="mine"):
        TemplateFormatter({"mine": wrong})


def test_templates_are_looked_for_by_name_and_by_class():
    named = {"Shown": "by class {{ x }}", "other": "by name {{ x }}"}
    args = {"x": CBlock("v")}
    assert text_of(Shown(args=args), templates=named) == "by class v"
    assert text_of(Shown(args=args, template_order=["none", "other", "*"]), templates=named) == "by name v"
    with pytest.raises(TemplateError, match="none or Shown"):
        text_of(Shown(args=args, template_order=["none", "*"]))


def test_an_instruction_sets_out_what_it_rests_on():
    assert text_of(Instruction("Answer.", grounding={"doc": "text", "note": CBlock("n")})) == (
        "Answer.\n\n[doc]\ntext\n\n[note]\nn"
    )


WRONG = {
    "syntax": Shown("{{ x"),
    "a name that is not given": Shown("{{ x }}"),
    "no such template": Shown(),
    "deep inside": Instruction("{{ a }}", {"a": Shown("{% bad %}")}),
}


@pytest.mark.parametrize("where", ["action", "context", "raw"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_template_is_an_error_before_any_request(served, said, finish, wrong, where):
    with served(said("x"), "vllm:m-1") as (server, composer):

        async def main():
            span = WRONG[wrong]
            with pytest.raises(TemplateError):
                if where == "raw":
                    await composer.generate_from_raw([CBlock("a"), span])
                elif where == "action":
                    await composer.generate_from_context(span, SimpleContext())
                else:
                    await composer.generate_from_context(CBlock("a"), ChatContext().add(span))

        finish(main())
        assert server.connections == 0


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_template_beside_an_open_thunk_is_found_before_that_is_generated(served, said, finish, wrong):
    with served(said("x")) as (server, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(CBlock("a"), SimpleContext(), lazy=True)
            with pytest.raises(TemplateError):
                await composer.generate_from_context(
                    Instruction("{{ t }}{{ w }}", {"t": thunk, "w": WRONG[wrong]}), SimpleContext()
                )
            with pytest.raises(TemplateError):
                await composer.generate_from_context(Instruction("{{ t ", {"t": thunk}), SimpleContext())

        finish(main())
        assert server.connections == 0


def test_a_component_that_needs_its_thunks_to_show_itself_is_left_until_they_are_there(echo, finish):
    class Reader(Component):
        def __init__(self, thunk):
            self.thunk = thunk

        def parts(self):
            return [self.thunk]

        def format_for_llm(self):
            return f"read {self.thunk.value.upper()}"

    async def main():
        thunk, _ = await echo.generate_from_context(CBlock("a"), SimpleContext())
        later, _ = await echo.generate_from_context(Reader(thunk), SimpleContext())
        assert await later.avalue() == "<read <A>>"

    finish(main())


def test_a_component_changed_meanwhile_to_hold_its_own_result_cannot_wait_for_itself(echo, bundle, finish):
    async def main():
        first, _ = await echo.generate_from_context(CBlock("a"), SimpleContext(), lazy=True)
        action = bundle(first)
        thunk, _ = await echo.generate_from_context(action, SimpleContext(), lazy=True)
        action.held.append(thunk)
        with pytest.raises(ThunkError, match="not computed"):
            await thunk.avalue()

    finish(main())


def test_spans_that_are_made_anew_each_time_are_not_taken_for_others(bundle):
    class Fresh(Component):
        def __init__(self, text):
            self.text = text

        def parts(self):
            return [CBlock(f"{self.text} part {number}") for number in range(3)]

        def format_for_llm(self):
            made = CBlock(self.text)
            return TemplateRepresentation(obj=self, args={"x": made}, template="{{ x }};")

    gc.collect()
    tree = bundle(*[Fresh(f"text {number}") for number in range(300)])
    assert text_of(tree) == "".join(f"text {number};" for number in range(300))


def test_roles_tools_and_thoughts_stand_in_the_messages():
    formatter = TemplateFormatter()
    view = [
        Message("system", "S"),
        CBlock("u"),
        Shown("said", role="assistant", thinking="hm"),
        ToolResult("42", call_id="c1", name="add"),
        ToolResult("", call_id="c2", name="add", is_error=True),
        ModelOutputThunk("a"),
        Shown(text="plain"),
    ]
    turns = formatter.to_messages(view)
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert turns[2].content[0].text == "hm"
    assert (turns[3].tool_call_id, turns[3].name, turns[3].text) == ("c1", "add", "42")
    assert turns[4].is_error
    assert turns[6].text == "plain"


def test_what_says_nothing_is_left_out_and_nothing_at_all_is_an_error(echo, finish):
    empty = [CBlock(), CBlock(""), ModelOutputThunk(""), Shown(text=""), Message("user", ""), Instruction("")]
    assert TemplateFormatter().to_messages(empty) == []

    async def main():
        for each in empty:
            with pytest.raises(InvalidRequestError, match="nothing to say"):
                await echo.generate_from_context(each, SimpleContext())
        assert echo.backend.requests == []

    finish(main())


def test_many_templates_do_not_pile_up():
    formatter = TemplateFormatter()
    for number in range(600):
        formatter.to_text(Instruction(f"number {number}"))
    assert len(formatter._known) <= 512


# A model's own chat template


def test_a_chat_template_makes_one_text_of_a_conversation(finish):
    async def main():
        async with Composer("local:tiny", chat_template=ChatTemplate(CHATML), record_prompts=True) as composer:
            ctx = ChatContext().add(CBlock("Hi.")).add(ModelOutputThunk("Hello."))
            thunk, _ = await composer.generate_from_context(
                CBlock("What can you do?"), ctx, model_options={"@@@system_prompt@@@": "Be brief.", "max_tokens": 8}
            )
            assert await thunk.avalue()
            assert thunk.notes.raw
            assert not thunk.notes.streaming

    finish(main(), 60)


def test_a_chat_templates_text_is_what_the_vendor_gets(served, finish):
    from backbay.testing import Reply

    answer = Reply.json({"id": "1", "model": "m", "choices": [{"index": 0, "text": "x", "finish_reason": "stop"}]})
    with served(answer, "vllm:m-1", chat_template=ChatTemplate(CHATML)) as (server, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                CBlock("a"), SimpleContext(), model_options={"@@@system_prompt@@@": "S"}
            )
            assert await thunk.avalue() == "x"
            await composer.backend.aclose()

        finish(main())
        assert server.requests[0].path.endswith("/completions")
        assert server.requests[0].json["prompt"] == (
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
        )


def test_a_chat_template_may_refuse_is_checked_and_has_its_values():
    with pytest.raises(TemplateError, match="line 1"):
        ChatTemplate("{{ x")
    turns = TemplateFormatter().to_messages([CBlock("a")])
    assert ChatTemplate("{{ bos_token }}{{ messages[0].content }}", bos_token="<s>").render(turns) == "<s>a"
    with pytest.raises(TemplateError, match="only system"):
        ChatTemplate("{{ raise_exception('only system') }}").render(turns)
    with pytest.raises(TemplateError):
        ChatTemplate("{{ messages.__class__.__mro__[1] }}").render(turns)

"""What a fold keeps of its events, at the end of a stream and at any place before it."""

import pytest

from backbay.events import Ended, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.folding import Fold, fold
from backbay.messages import TextPart, ThinkingPart, ToolCall
from backbay.response import Finish, Response, Usage


def test_the_parts_stand_in_the_order_in_which_they_came_and_deltas_of_one_kind_are_one_part():
    response = fold(
        [
            Thinking("hm"),
            Thinking("m"),
            Text("a"),
            Text("b"),
            ToolDelta(0, "c1", "look", '{"x": '),
            ToolDelta(0, "c1", "look", "1}"),
            Text("c"),
            Thinking("so"),
            Ended(Finish.TOOL_CALLS),
        ]
    )
    call = ToolCall(id="c1", name="look", raw_arguments='{"x": 1}')
    assert response.parts == (
        ThinkingPart(text="hmm"),
        TextPart(text="ab"),
        call,
        TextPart(text="c"),
        ThinkingPart(text="so"),
    )
    assert (response.text, response.thinking, response.tool_calls) == ("abc", "hmmso", (call,))


def test_fragments_of_two_calls_that_come_by_turns_go_to_their_own_call():
    response = fold(
        [ToolDelta(0, "c1", "a", "["), ToolDelta(1, "c2", "b", "{"), ToolDelta(0, "c1", "a", "]"), Ended(Finish.STOP)]
    )
    assert [(call.id, call.name, call.raw_arguments) for call in response.tool_calls] == [
        ("c1", "a", "[]"),
        ("c2", "b", "{"),
    ]


def test_opaque_data_ends_a_part_of_thinking_so_that_a_signature_stays_with_what_it_signs():
    response = fold(
        [
            Thinking("a"),
            Thinking("b", {"acme": "of ab"}),
            Thinking("c"),
            Thinking("", {"acme": "of c", "example": 1}),
            Thinking("d"),
            Ended(Finish.STOP),
        ]
    )
    assert response.parts == (
        ThinkingPart(text="ab", opaque={"acme": "of ab"}),
        ThinkingPart(text="c", opaque={"acme": "of c", "example": 1}),
        ThinkingPart(text="d"),
    )
    assert response.thinking == "abcd"


def test_opaque_data_of_a_call_is_kept_from_every_delta_of_it_and_of_no_other():
    response = fold(
        [
            ToolDelta(0, "c1", "a", "{}", {"acme": 1}),
            ToolDelta(1, "c2", "b", "{}"),
            ToolDelta(0, "c1", "a", "", {"example": 2}),
            Ended(Finish.TOOL_CALLS),
        ]
    )
    assert [call.opaque for call in response.tool_calls] == [{"acme": 1, "example": 2}, None]


def test_the_newest_figure_of_each_usage_field_holds_and_older_ones_stay():
    response = fold(
        [
            UsageSeen(Usage(input=7, output=1, cached=3)),
            UsageSeen(Usage(output=5)),
            UsageSeen(Usage(output=9, reasoning=2)),
            Ended(Finish.STOP),
        ]
    )
    assert response.usage == Usage(input=7, output=9, cached=3, reasoning=2)


def test_what_started_and_ended_say_stands_in_the_response():
    response = fold([Started("acme-1", "r1"), Text("a"), Ended(Finish.CONTENT_FILTER, "blocked", "no", {"x": 1})])
    assert (response.model, response.id) == ("acme-1", "r1")
    assert (response.finish, response.raw_finish) == (Finish.CONTENT_FILTER, "blocked")
    assert (response.refusal, response.details) == ("no", {"x": 1})


def test_an_answer_that_is_cut_has_what_came_and_no_finish():
    folded = Fold()
    folded.add(Started("acme-1", "r1"))
    folded.add(Text("so f"))
    assert folded.response() == Response(text="so f", parts=(TextPart(text="so f"),), model="acme-1", id="r1")
    assert folded.response().finish is None


def test_a_fold_of_nothing_is_an_empty_response_in_which_all_is_unknown():
    assert fold([]) == Response()


def test_a_response_may_be_asked_for_again_and_again_while_events_come():
    folded = Fold()
    assert (folded.empty, folded.ended) == (True, False)
    folded.add(Text("a"))
    assert (folded.empty, folded.ended) == (False, False)
    assert [folded.response().text, folded.response().text] == ["a", "a"]
    folded.add(Text("b"))
    folded.add(Ended(Finish.STOP))
    assert (folded.ended, folded.response().text) == (True, "ab")


@pytest.mark.parametrize(
    "event", [Started(), Text("a"), ToolDelta(0, "c", "a"), UsageSeen(Usage()), Ended(Finish.STOP)]
)
def test_any_event_alone_makes_a_fold_not_empty(event):
    folded = Fold()
    folded.add(event)
    assert not folded.empty


def test_the_vendors_body_is_handed_on_and_none_is_none():
    body = {"id": "r1"}
    assert fold([Ended(Finish.STOP)], raw=body).raw is body
    assert fold([Ended(Finish.STOP)]).raw is None


def test_details_are_a_copy_that_may_be_changed():
    stated = {"citations": []}
    details = fold([Ended(Finish.STOP, details=stated)]).details
    assert details == stated
    assert details is not stated


def test_what_is_no_event_is_refused_by_its_name():
    with pytest.raises(TypeError, match="a dict is no event"):
        Fold().add({"delta": "a"})

"""Which law is meant for which saboteur."""

from __future__ import annotations

from ..subject import Engine

ENGINE = Engine(model="engine", long_prompt=("Tell me a long story.", {}))
"""How the engines among the saboteurs are asked."""

_BY_LAW = {
    "test_the_answer_is_the_canonical_one_or_the_request_is_refused": (
        "LosesUsage ZeroForUnknown InventsCachedTokens DropsMalformedCalls JoinsCalls OneCallOnly StripsText "
        "BreaksUnicodeLines ShowsThinking LosesThinking CallsLengthStop CallsToolsStop LosesTheVendorsWord "
        "LosesTheRefusal ForgetsWhoAnswered SameWordsOverHTTP"
    ),
    "test_a_stream_keeps_the_grammar_and_folds_to_the_whole_answer": (
        "TwoFinals SharesIds EmptyDeltas StartsLate DifferentInOnePiece SaysMoreInStreams"
    ),
    "test_any_split_of_the_bytes_gives_the_same_events": "DecodesEachPiece WantsWholeEvents",
    "test_a_body_that_is_no_answer_is_a_decode_error": "TakesAnythingForAnAnswer LetsTheDecoderRaise",
    "test_an_error_event_inside_a_stream_raises_with_the_partial_answer": "SwallowsStreamErrors",
    "test_a_stream_that_is_cut_raises_with_what_came": "InventsTheFinish",
    "test_however_the_bytes_come_the_answer_is_the_same": "ReadsOnePiece",
    "test_a_body_that_does_not_come_whole_is_an_error": "IgnoresTheFraming",
    "test_a_body_that_does_not_end_is_ended_by_the_limit": "WaitsInMidBody",
    "test_bytes_after_an_answer_are_no_part_of_any": "KeepsStrayBytes",
    "test_an_error_status_is_one_typed_error_whatever_its_body": "LetsErrorsOut",
    "test_what_was_asked_stands_on_the_wire": (
        "DropsTools IgnoresToolChoice LosesTheSystemPrompt SystemAsUser LosesToolResults LastTurnOnly LosesImages "
        "LosesTheSchema LosesStop LosesMaxTokens NeverStreams"
    ),
    "test_an_answer_goes_back_as_the_turn_that_it_was": "ThinkingAsText",
    "test_a_signature_goes_back_byte_for_byte_where_the_vendor_wants_it": (
        "LosesSignatures TidiesSignatures SaysSignatures"
    ),
    "test_what_another_vendor_signed_is_not_sent": "SendsForeignSignatures",
    "test_system_messages_stand_where_they_stood_or_are_refused": "SystemFirst OneSystemMessage",
    "test_media_are_sent_whole_and_in_order_or_refused": "KeepsOneImage ImagesLast",
    "test_token_counts_are_read_in_every_dialect_of_the_wire": "AddsUpUsage",
    "test_an_extra_field_that_backbay_writes_is_refused": "LetsExtraOverride",
    "test_an_extra_field_reaches_the_wire": "IgnoresExtra",
    "test_a_temperature_of_zero_is_sent": "ZeroIsUnset",
    "test_an_option_is_sent_if_and_only_if_it_was_given": "AlwaysWarm",
    "test_encode_is_pure": "NeverTheSameTwice ChangesTheCallersRequest",
    "test_model_as_an_option_holds_for_one_call": "OwnModelAlways",
    "test_a_stopped_stream_closes_its_socket_and_leaves_nothing": (
        "KeepsSocketsOpen LeavesTasks LeavesThreads DoesNotStop"
    ),
    "test_idle_ends_a_stall_with_what_came": "ReadsAllFirst",
    "test_attempts_on_the_wire_equal_the_policy": "RetriesByItself",
    "test_a_stream_that_failed_after_its_first_event_is_sent_once": "BeginsAgain",
    "test_twenty_calls_at_once_do_not_mix_their_answers": "KeepsTheAnswer",
    "test_two_event_loops_in_a_row_work": "BoundToOneLoop",
    "test_silence_is_ended_by_total_and_by_first_event": "IgnoresLimits",
    "test_no_key_is_in_what_a_backend_shows_of_itself": "ShowsTheKey PicklesTheKey",
    "test_no_key_is_in_an_error_or_a_log": "LogsTheKey AttachesTheKeyToItsLog KeyInErrors KeyInFrames",
    "test_health_tells_a_server_that_is_there_from_one_that_is_not_well": "EverythingIsFine",
    "test_what_is_no_model_list_is_a_decode_error": "NoModelsIsNoError",
    "test_a_facet_works_if_it_is_declared_and_is_refused_if_not": "VectorsInAnyOrder DeclaresWhatItLacks ListsNothing",
    "test_a_raw_text_is_sent_as_it_is_with_no_template_or_role": (
        "ChatsInstead PutsRawTextIntoATemplate TrimsRawText NamesRolesBesideRawText"
    ),
    "test_an_option_for_a_raw_text_is_sent_if_and_only_if_it_was_given": "LosesOptionsOfRawText",
    "test_what_follows_a_raw_text_is_the_canonical_answer": "StripsWhatFollowsRawText",
    "test_what_does_not_follow_a_raw_text_is_a_decode_error": "TakesAnythingForWhatFollows",
    "test_an_error_for_a_raw_text_is_typed_and_retried_as_any": "RetriesRawTextByItself",
    "test_a_schema_for_a_raw_text_is_sent_or_refused": "LosesTheSchemaOfRawText",
    "test_a_raw_text_has_no_place_for_what_a_conversation_has": "DropsWhatRawTextHasNoPlaceFor",
    "test_an_engine_continues_a_raw_text_within_its_options": "RawTextWithoutLimits",
    "test_a_result_of_a_batch_is_what_complete_gives": "LosesCallsInBatches",
    "test_each_request_of_a_batch_has_one_result_and_an_error_is_its_own": "GivesBatchResultsByPlace",
    "test_a_batch_whose_creation_was_not_answered_is_not_made_twice": "MakesBatchesAgain",
    "test_an_address_in_a_batch_is_not_followed_with_the_key": "FollowsAddressesInBatches",
    "test_a_completed_batch_without_all_its_results_is_an_error": "MissesNoResult",
    "test_results_of_a_batch_that_has_not_ended_are_refused": "ReadsBatchesThatRun",
    "test_a_batch_that_cannot_work_is_refused_before_any_io": "TakesTwoOfOneId",
    "test_no_connection_is_opened_but_to_the_backends_own_address": "CallsHome",
    "test_relayed_bytes_are_those_that_came": "DecodesWhatItRelays",
    "test_a_relayed_request_is_the_one_that_was_given": "WritesJobsAnew",
    "test_a_relay_reads_no_further_than_its_sink": "ReadsAheadOfTheSink",
    "test_what_a_sink_raises_comes_back_and_closes_the_socket": "WrapsWhatTheSinkRaises",
    "test_a_jobs_deadline_is_total": "KeepsNoDeadline",
    "test_a_job_in_a_wire_that_is_not_declared_is_refused": "TakesAnyFormat",
    "test_an_error_reaches_no_sink": "RelaysErrors",
    "test_a_relay_is_sent_again_only_before_its_first_byte": "RelaysTwice",
    "test_counts_seen_beside_a_relay_are_the_vendors": "InventsCounts",
    "test_what_the_caller_declares_as_missing_is_refused": "ConnectsWhenMade",
    "test_an_engines_stream_keeps_the_grammar_and_folds_to_the_whole_answer": (
        "ForgetsToEnd CompletesOtherwise LetsExceptionsOut"
    ),
    "test_a_tool_is_called_with_arguments_that_fit": "WrongToolArguments",
    "test_an_answer_of_a_schema_fits_it": "IgnoresTheSchema",
    "test_a_stop_sequence_ends_an_answer_and_is_not_in_it": "IgnoresStop SameWords",
    "test_max_tokens_ends_an_answer_with_the_finish_length": "SaysStopAtTheLimit",
}

LAWS = {saboteur: law for law, saboteurs in _BY_LAW.items() for saboteur in saboteurs.split()}
"""The law that catches a saboteur, by the saboteur's name."""

LEAST_BROKEN = {"SameWords": 9, "SameWordsOverHTTP": 51}
"""How many laws the backend that always answers the same words breaks at least, in this process and over HTTP."""

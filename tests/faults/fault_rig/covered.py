"""The catalogue's faults by number: what each is, where else in this repository one is held, and what comes later."""

from __future__ import annotations

from collections.abc import Mapping

SECTIONS: Mapping[str, tuple[int, int]] = {
    "Connections and TLS": (1, 24),
    "Time": (25, 35),
    "HTTP framing and content": (36, 65),
    "Server-sent events": (66, 87),
    "What an answer says": (88, 102),
    "Statuses": (103, 120),
    "Callers, loops, threads, processes": (121, 136),
    "Plugins": (137, 153),
    "Gateway, batches, catalogue, sign-in, storage": (154, 170),
}
"""The sections: first and last number."""

NAMES: Mapping[int, str] = dict(
    enumerate(
        """refused connection
connection that is never accepted
names that cannot be looked up, or slowly
first of several addresses is dead
TLS: unknown authority
TLS: expired certificate
TLS: another host's certificate
TLS: a client certificate is demanded
TLS on a plain port, and the other way round
TLS: nothing newer than 1.1
TLS ends without its own goodbye
closed before the head
kept connection dies under a request
reset before the head
reset or closed after the head
closed within a chunk
reset in mid-stream
last chunk is missing after a whole answer
half-closed by the server
answered before the request's body was read
proxy refuses
proxies in the environment
no HTTP at all, or a flood of informational responses
pool is exhausted
no head, ever
silence after the head
stall in mid-stream
comments for ever, and no content
less throughput than wanted
body byte by byte
peer does not take the request
limit shorter than the next pause
time over before the call; limits within limits
clock jumps
a thousand connections at once
body shorter than its length
body longer than its length
response that nobody asked for
Content-Length and Transfer-Encoding both
two different Content-Lengths
chunk sizes that are none
huge head
line ends in what becomes a header
key that is not ASCII
gzip that is corrupt
gzip that is cut
decompression bombs, and stacked encodings
unknown encoding
HTML page with 200
HTML page with 502 or 503
JSON in place of a stream
stream in place of JSON
wrong or no content type
another charset
empty body, null, empty object
error object with 200
JSON that is cut, or followed by more
the same key twice
NaN, Infinity, 1e999
integer of 5,000 digits
nesting without end
invalid UTF-8 in JSON
UTF-16, UTF-32, byte order mark
half of a surrogate pair
body of a gigabyte
line ends of every kind, split anywhere
characters split by chunks
leading byte order mark
invalid UTF-8 in an event
separators that end no line
comments, empty lines, unknown fields
retry that is no number
line or event without end
end within an event
end without a terminal event
[DONE] is missing
finish reason is missing
[DONE] in other spellings
data after the end
error object in mid-stream
error object as the first event
unknown event
events without names
name and type disagree
JSON of a wrong shape
one event is no JSON
server asks to be asked again
empty choices
usage missing, null, negative
unknown finish reason
tool call indexes out of order
tool calls by turns
tool arguments that are no JSON
tool arguments that are empty, or an object
tool call without a name
delta of a block that was never opened
tool call that is cut
model or id changes in mid-stream
two choices by turns
refusal or filter in mid-stream
unknown blocks
absurd numbers
400 and its kin
context length
content policy
401
403
404
408
409
413, 431
421, 425
429
429 for a quota
Retry-After of every form
500 and its kin
2xx other than 200
redirects
304, 600, 99
error bodies of every kind
cancellation at every phase
leaving by break, or forgetting
caller stops reading
caller raises
closed from another task
loops in a row, and at once
blocking call on a running loop
many threads, and one that closes
two threads read one stream
fork with connections open
interpreter ends with a stream open
Ctrl-C and SIGTERM in mid-stream
more streams than descriptors
pickling and copying
several layers that retry
caller changes its objects meanwhile
import raises
SystemExit and its kin at import
import hangs
entry point leads nowhere, or to no spec
two distributions claim one name
names that look alike
plugin takes a core name
other protocol or core version
prints at import
changes the process at import
backend raises, or returns what it should not
events out of order
cancellation swallowed
key leaks
key goes to another host
plugin opens sockets of its own
plugin disappears
gateway: client leaves
gateway: client reads slowly
gateway: failure after 200
gateway: huge or slow request
gateway: request smuggling
gateway: DNS rebinding
gateway: bad keys
gateway: client names an address
gateway: limits and budgets
gateway: configuration reloaded
gateway: SIGTERM
batch: crash and resume
catalogue: hostile list
sign-in: hostile callback
token refresh: races
keyring: absent, locked, hijacked
key file: mode, link, owner""".splitlines(),
        start=1,
    )
)

LAWS = "tests/conformance/src/backbay_conformance/laws"
DISCOVERY = "core/tests/registry/test_discovery.py"
REGISTRY = "core/tests/registry/test_registry.py"
WHOLE = "tests/integration"
GATEWAY = "plugins/extensions/gateway/tests/test_app"
GATEWAY_KEYS = "plugins/extensions/gateway/tests/test_keys"
CATALOGUE = "plugins/extensions/catalogue/tests"
BATCH = "plugins/extensions/batch/tests"
CONNECT = "plugins/extensions/connect/tests"

ELSEWHERE: Mapping[int, tuple[str, ...]] = {
    13: (f"{WHOLE}/test_transports.py::test_every_transport_carries_both_ways_and_keeps_the_connection",),
    25: (f"{LAWS}/limits.py::test_silence_is_ended_by_total_and_by_first_event",),
    27: (f"{LAWS}/limits.py::test_idle_ends_a_stall_with_what_came",),
    28: (f"{LAWS}/limits.py::test_keep_alive_bytes_do_not_feed_first_event",),
    32: (f"{LAWS}/limits.py::test_total_bounds_the_pauses_between_attempts",),
    38: (f"{LAWS}/arrival.py::test_bytes_after_an_answer_are_no_part_of_any",),
    43: (f"{LAWS}/secrecy.py::test_a_key_that_no_header_can_have_is_refused_before_any_io",),
    66: (
        "core/tests/test_sse.py::test_m7_any_bytes_at_any_split_give_what_the_standard_says",
        "core/tests/test_sse.py::test_m7_every_peer_case_decodes_at_every_split_in_two",
    ),
    68: ("core/tests/test_sse.py::test_m7_a_byte_order_mark_is_dropped_at_the_start_and_kept_elsewhere",),
    69: ("core/tests/test_sse.py::test_m7_invalid_utf8_becomes_the_replacement_character",),
    72: ("core/tests/test_sse.py::test_m7_retry_takes_ascii_digits_only",),
    73: ("core/tests/test_sse.py::test_a_line_of_32_mib_takes_linear_time",),
    75: (f"{LAWS}/faults.py::test_a_stream_that_is_cut_raises_with_what_came",),
    89: (f"{LAWS}/usage.py::test_token_counts_are_read_in_every_dialect_of_the_wire",),
    113: ("core/tests/test_statuses.py::test_m6_every_recorded_retry_after_value_gives_what_the_file_says",),
    116: ("core/tests/test_statuses.py::test_the_statuses_of_the_fault_catalogue_are_retried_as_it_says",),
    118: (f"{LAWS}/errors.py::test_a_redirect_is_an_error_and_nothing_goes_to_the_other_server",),
    121: (f"{LAWS}/lifecycle.py::test_a_stopped_stream_closes_its_socket_and_leaves_nothing",),
    130: (f"{WHOLE}/test_sync.py::test_a_forked_child_has_a_bridge_of_its_own_and_the_parent_keeps_its",),
    137: (f"{REGISTRY}::test_whatever_an_import_raises_is_that_plugins_error_with_its_cause_and_harms_no_other",),
    138: (
        f"{REGISTRY}::test_whatever_an_import_raises_is_that_plugins_error_with_its_cause_and_harms_no_other",
        f"{REGISTRY}::test_an_interrupt_by_the_person_passes_and_is_not_held_against_the_plugin",
    ),
    139: (f"{REGISTRY}::test_names_are_sorted_and_say_what_is_built_in_and_import_nothing",),
    140: (f"{REGISTRY}::test_what_is_no_spec_of_that_name_breaks_the_contract",),
    141: (f"{REGISTRY}::test_a_name_with_two_owners_is_an_error_that_names_both_in_either_order_of_the_path",),
    142: (
        f"{REGISTRY}::test_the_distribution_may_be_said_with_the_name_in_any_spelling",
        f"{REGISTRY}::test_a_name_that_no_backend_can_have_is_not_listed_and_its_plugin_is_broken",
    ),
    143: (f"{REGISTRY}::test_no_distribution_takes_the_name_of_what_is_built_in",),
    144: (
        f"{REGISTRY}::test_a_plugin_that_requires_another_version_is_refused_before_it_is_imported",
        f"{REGISTRY}::test_another_edition_of_the_protocol_is_incompatible",
    ),
    145: (f"{DISCOVERY}::test_what_a_plugin_prints_while_it_is_imported_goes_to_standard_error_and_only_that",),
    146: (f"{LAWS}/importing.py::test_importing_does_no_io",),
    147: (f"{WHOLE}/test_plugins.py::test_a_foreign_exception_is_a_typed_error_with_its_cause_and_the_partial_text",),
    148: (
        f"{WHOLE}/test_plugins.py::test_what_is_no_event_or_comes_after_the_end_is_a_typed_error",
        f"{WHOLE}/test_plugins.py::test_an_end_without_ended_is_truncated",
    ),
    149: (f"{LAWS}/lifecycle.py::test_a_stopped_stream_closes_its_socket_and_leaves_nothing",),
    150: (f"{LAWS}/secrecy.py::test_no_key_is_in_an_error_or_a_log",),
    151: (f"{LAWS}/secrecy.py::test_the_key_is_in_the_header_that_the_spec_names_and_nowhere_else",),
    153: (
        (
            "core/tests/registry/test_gone.py"
            "::test_a_plugin_that_was_taken_away_is_unknown_from_then_on_and_what_was_connected_stays"
        ),
    ),
    154: (
        f"{GATEWAY}_relay.py::test_a_client_that_leaves_mid_stream_closes_the_upstream_within_250_ms",
        f"{GATEWAY}_relay.py::test_a_client_that_leaves_before_the_first_byte_closes_the_upstream_within_250_ms",
    ),
    155: (
        (
            f"{GATEWAY}_relay.py"
            "::test_a_slow_reader_stops_the_reading_of_the_upstream_and_is_dropped_after_the_write_timeout"
        ),
    ),
    156: (
        f"{GATEWAY}_relay.py::test_an_upstream_that_breaks_off_is_told_in_band_and_the_answer_has_no_end",
        f"{GATEWAY}_transcode.py::test_a_backend_that_breaks_off_is_told_in_band_without_the_end",
    ),
    157: (
        f"{GATEWAY}_guard.py::test_a_body_in_chunks_without_an_end_is_refused_at_its_limit",
        f"{GATEWAY}_guard.py::test_a_head_that_does_not_come_in_time_is_refused",
    ),
    158: (
        f"{GATEWAY}_guard.py::test_odd_framing_is_refused_and_the_connection_closed",
        f"{GATEWAY}_guard.py::test_an_odd_target_is_refused",
        f"{GATEWAY}_guard.py::test_two_hosts_are_refused",
    ),
    159: (
        f"{GATEWAY}_guard.py::test_an_odd_or_foreign_host_is_refused",
        f"{GATEWAY}_guard.py::test_a_web_page_of_another_origin_is_refused_before_routing",
    ),
    160: (
        f"{GATEWAY}_guard.py::test_row_160_without_a_good_key_nothing_is_told",
        f"{GATEWAY_KEYS}_admission.py::test_what_is_no_key_is_refused_and_never_repeated",
    ),
    152: (f"{LAWS}/connections.py::test_no_connection_is_opened_but_to_the_backends_own_address",),
    161: (f"{GATEWAY}_guard.py::test_row_161_clients_decide_about_no_address_and_no_key",),
    162: (
        f"{GATEWAY_KEYS}_hard_limits.py::test_limits_hold_for_any_order_of_what_three_processes_do_and_where_they_die",
        (
            f"{GATEWAY_KEYS}_processes.py"
            "::test_two_processes_that_hammer_one_budget_never_exceed_it_and_use_nearly_all_of_it"
        ),
    ),
    163: (f"{GATEWAY}_operation.py::test_row_163_a_reload_is_whole_drops_no_stream_and_a_bad_one_changes_nothing",),
    164: (
        f"{GATEWAY}_operation.py::test_row_164_a_stop_lets_streams_end_and_takes_no_more",
        f"{GATEWAY}_operation.py::test_row_164_streams_that_do_not_end_in_time_are_told_so_and_broken_off",
    ),
    165: (
        f"{BATCH}/test_kills.py::test_kills_at_random_moments_lose_nothing_and_repeat_only_what_was_under_way",
        f"{BATCH}/test_kills.py::test_the_lock_of_a_killed_run_is_gone_with_it",
        f"{BATCH}/test_disk.py::test_a_file_that_may_not_grow_ends_the_run_with_a_clear_error_and_the_next_one_goes_on",
        f"{BATCH}/test_lines.py::test_what_is_no_request_is_an_error_with_a_code",
    ),
    166: (
        f"{CATALOGUE}/test_refresh.py::test_a_million_models_are_refused_whole",
        f"{CATALOGUE}/test_models.py::test_a_name_that_means_harm_is_kept_exactly_and_does_none",
        f"{CATALOGUE}/test_models.py::test_values_that_a_vendor_cannot_mean_are_taken_for_silence",
    ),
    167: (
        (
            f"{CONNECT}/test_browser_flow.py"
            "::test_an_invalid_callback_gets_a_page_that_says_nothing_and_the_waiting_goes_on"
        ),
        f"{CONNECT}/test_browser_flow.py::test_a_browser_that_never_comes_back_is_a_limit_and_leaves_no_port_open",
    ),
    168: (f"{CONNECT}/test_other_flows.py::test_twenty_threads_with_an_old_token_renew_it_once",),
    169: (
        f"{CONNECT}/test_keys.py::test_a_keyring_that_is_locked_is_an_error_and_not_another_key",
        f"{CONNECT}/test_keys.py::test_a_keyring_that_hangs_is_left_alone_after_its_limit",
        f"{CONNECT}/test_keys.py::test_another_keyring_is_not_taken_whatever_asks_for_it",
    ),
    170: (
        f"{CONNECT}/test_keys.py::test_a_key_file_that_others_could_have_read_or_put_there_is_refused",
        f"{CONNECT}/test_keys.py::test_a_half_written_file_is_one_clear_error",
    ),
}
"""Tests outside the rig, by number: a file and the name of a function in it."""

LATER: Mapping[int, str] = {
    29: "optional, and not made: a limit of throughput before the first event",
}
"""What is not there yet, by number: what it comes with."""

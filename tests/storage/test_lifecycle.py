"""The lifecycle, read as the promises that it makes."""

from storage.lifecycle import BIRTHS, MOVES, State


def test_every_state_has_its_moves_written_down() -> None:
    assert set(MOVES) == set(State)


def test_a_post_is_sent_only_once_approved() -> None:
    assert {state for state, onward in MOVES.items() if State.SENDING in onward} == {State.APPROVED}
    assert {state for state, onward in MOVES.items() if State.PUBLISHED in onward} == {State.SENDING, State.UNCERTAIN}


def test_only_judged_allow_or_a_person_approves() -> None:
    """Into *approved* lead the shelf (judged allow), a person's yes, and the two ways back from a try at sending."""
    sources = {state for state, onward in MOVES.items() if State.APPROVED in onward}
    assert sources == {State.SHELVED, State.HELD, State.SENDING, State.UNCERTAIN}
    assert [decision for decision, states in BIRTHS.items() if states & {State.APPROVED, State.SHELVED}] == ["allow"]


def test_what_was_blocked_or_rejected_stays_so() -> None:
    assert {state for state in State if state.final} == {
        State.BLOCKED,
        State.REJECTED,
        State.EXPIRED,
        State.FAILED,
        State.WITHDRAWN,
    }


def test_every_state_can_be_reached_and_left_or_is_final() -> None:
    reached = set().union(*BIRTHS.values())
    while True:
        further = reached.union(*(MOVES[state] for state in reached))
        if further == reached:
            break
        reached = further
    assert reached == set(State)
    assert all(state not in onward for state, onward in MOVES.items())

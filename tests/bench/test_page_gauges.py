"""The figures from a browser's observations: a gauge that reads too little would keep every promise."""

from __future__ import annotations

import pytest

from bench.page.gauges import FRAME_MS, QUICK_KEY_MS, dropped, slow_key, worst_window


def frames(*gaps: int) -> list[float]:
    """The times of frames that are so many frames apart."""
    times = [100.0]
    for gap in gaps:
        times.append(times[-1] + gap * FRAME_MS)
    return times


def test_no_frame_is_missing_from_an_even_row() -> None:
    assert dropped(frames(*[1] * 60)) == 0


def test_a_gap_of_three_frames_counts_as_two_dropped_frames() -> None:
    assert dropped(frames(1, 3, 1)) == pytest.approx(2 / 5)


def test_a_frame_that_is_a_little_late_is_not_dropped() -> None:
    assert dropped([0, FRAME_MS * 1.4, FRAME_MS * 2]) == 0


@pytest.mark.parametrize("seen", [[], [1.0]])
def test_a_page_that_drew_nothing_dropped_everything(seen: list[float]) -> None:
    assert dropped(seen) == 1


def test_shifts_within_a_second_are_one_window() -> None:
    assert worst_window([(0, 0.01), (900, 0.02), (1_800, 0.01)]) == pytest.approx(0.04)


def test_a_second_of_rest_ends_a_window() -> None:
    assert worst_window([(0, 0.01), (1_100, 0.03), (2_200, 0.02)]) == pytest.approx(0.03)


def test_a_window_ends_after_five_seconds() -> None:
    assert worst_window([(at * 900, 0.01) for at in range(8)]) == pytest.approx(0.06)


def test_a_page_without_shifts_has_a_shift_of_zero() -> None:
    assert worst_window([]) == 0


def test_keys_that_were_not_reported_were_quick() -> None:
    assert slow_key([80.0], typed=100) == QUICK_KEY_MS


def test_the_slowest_twentieth_of_the_keys_is_left_out_and_no_more() -> None:
    assert slow_key([200.0, 100.0], typed=20) == 100
    assert slow_key([200.0], typed=20) == QUICK_KEY_MS


def test_a_single_slow_key_is_slow() -> None:
    assert slow_key([64.0], typed=1) == 64

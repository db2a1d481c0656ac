"""The level that is found, against servers of several kinds. Time is virtual: the same on every machine, and at once."""

import pytest

from tests.support.marks import trials
from tests.support.simulated_servers import Server, ask_all
from tests.support.virtual_time import now, run


def seconds(
    server: Server, questions: int, limit: int | None = None, steps: tuple[str, ...] = ("instances",)
) -> tuple[float, int]:
    """Virtual seconds until all is answered, and the level at the end."""

    async def go() -> tuple[float, int]:
        limiter = await ask_all(server, questions, limit, steps)
        assert limiter.in_flight == limiter.queued == 0
        return now(), limiter.level

    return run(go())


def test_a_cap_is_found_by_one_burst_of_rate_limiting() -> None:
    server = Server(latency=0.2, cap=lambda _: 50)
    taken, level = seconds(server, 2000)
    assert taken <= 1.25 * 2000 / 50 * 0.2
    assert server.rejected < 50
    assert 45 <= level <= 57


def test_a_cap_below_the_fixed_limit_is_respected() -> None:
    server = Server(latency=0.2, cap=lambda _: 50)
    taken, level = seconds(server, 2000, limit=200)
    assert taken <= 1.1 * 8
    assert server.rejected < 300  # the first burst is 150
    assert level < 60


def test_a_cap_that_falls_is_followed_down() -> None:
    server = Server(latency=0.2, cap=lambda at: 100 if at < 5 else 20)
    taken, level = seconds(server, 4000)
    assert server.rejected < 250
    assert level <= 26
    assert taken < 1.25 * (5 + (4000 - 2500) / 100)


def test_a_cap_that_rises_is_followed_up() -> None:
    taken, level = seconds(Server(latency=0.2, cap=lambda at: 20 if at < 10 else 200), 6000)
    assert level >= 60
    assert taken < 6000 / 100  # staying at 20 would take 60 s


@pytest.mark.parametrize("seed", trials(2, 8))
@pytest.mark.parametrize("limit", [None, 50])
def test_rate_limiting_that_the_load_does_not_cause_does_not_lower_the_level_for_good(
    seed: int, limit: int | None
) -> None:
    server = Server(latency=0.1, refuses=0.1, fails=0.05, seed=seed)
    taken, level = seconds(server, 3000, limit)
    assert level >= 30
    assert taken < 60  # the unluckiest question fails many times and waits longer each time


def test_a_server_that_rate_limits_most_requests_gets_fewer() -> None:
    calm = Server(latency=0.1, refuses=0.6)
    _, level = seconds(calm, 300, limit=64)
    assert level < 16


def test_growing_stops_where_more_bring_nothing() -> None:
    server = Server(latency=0.5, slots=64)
    taken, level = seconds(server, 4000)
    assert 60 <= level <= 130
    assert server.peak <= 256
    assert taken < 1.1 * 4000 / 64 * 0.5


@pytest.mark.parametrize("seed", trials(1, 5))
def test_growing_goes_on_where_latencies_scatter(seed: int) -> None:
    _, level = seconds(Server(latency=0.5, sigma=1.2, seed=seed), 3000)
    assert level >= 256


def test_steps_with_longer_replies_are_not_taken_for_an_overloaded_server() -> None:
    _, level = seconds(Server(latency=2.0, labels=0.05), 3000, steps=("kind", "instances"))
    assert level >= 512


def test_a_fixed_limit_is_never_exceeded_and_comes_back_after_an_outage() -> None:
    server = Server(latency=0.2, cap=lambda at: 0 if 2 < at < 30 else 10**6)
    _, level = seconds(server, 4000, limit=40)
    assert server.peak <= 40
    assert level == 40


def test_an_outage_is_not_hammered() -> None:
    server = Server(latency=0.2, cap=lambda at: 0 if 2 < at < 100 else 10**6)
    seconds(server, 4000, limit=200)
    assert server.rejected < 800  # 98 s at 5 ms a refusal would be millions


def test_the_level_does_not_rise_where_no_request_waits() -> None:
    server = Server(latency=0.2)
    _, level = seconds(server, 16)
    assert level == 16

"""How many examples the property tests draw: enough for each change, and many more in a campaign."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_EACH_DAY = 40
_FEWEST = 25
_CAMPAIGN = 1000


def register_profiles() -> None:
    """Register ``localcat``, which is loaded, and ``campaign``, for ``pytest --hypothesis-profile=campaign``."""
    for name, drawn in (("localcat", _EACH_DAY), ("campaign", _CAMPAIGN)):
        settings.register_profile(
            name, max_examples=drawn, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
        )
    settings.load_profile("localcat")


def examples(campaign: int) -> int:
    """Return how many examples a test draws: all of them in a campaign, else a quarter, but 25 or more."""
    return campaign if settings().max_examples > _EACH_DAY else max(_FEWEST, campaign // 4)

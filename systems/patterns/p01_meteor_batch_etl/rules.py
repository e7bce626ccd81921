"""The names of the cleaning rules, for both engines: what each says to the one whose row it refuses."""

from __future__ import annotations

from orrery.forms import INVISIBLE

__all__ = ["INVISIBLE", "MESSAGES"]

MESSAGES = {
    "launch_id_missing": "no launch designator",
    "launch_id_has_invisible_characters": "the launch designator holds characters that cannot be seen",
    "launch_date_missing": "no launch date",
    "launch_date_form": "not a date as the log writes it (1957 Oct 4 1928:34, 1957 Oct 17 0505, 1962 Jan 26)",
    "launch_date_impossible": "no such day or time",
    "vehicle_missing": "no launch vehicle",
    "site_missing": "no launch site",
    "outcome_missing": "no outcome",
    "outcome_unknown": "the outcome is neither S nor F",
}

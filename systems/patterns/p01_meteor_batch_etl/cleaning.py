"""The rules that make launches out of the launch log's text, in pandas. `sql/clean.sql` says the same in SQL.

Nothing is guessed: a value that does not read as the log writes it breaks a rule, and its row is refused with the
first rule that it broke. What the log itself doubts ('?') is kept, and marked as doubtful.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .rules import INVISIBLE

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# eleven forms: with or without a time, seconds, a doubt
LAUNCH_DATE = (
    rf"^(?P<year>[0-9]{{4}}) (?P<month>{'|'.join(MONTHS)}) (?P<day>[0-9]{{1,2}})"
    r"(?P<time> (?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<seconds>:(?P<second>[0-9]{2}))?)? ?(?P<doubt>\??)$"
)
OUTCOMES = {"S": "success", "F": "failure"}


def clean(text: pd.DataFrame) -> pd.DataFrame:
    """Type the launches of one chunk.

    Args:
        text: the log's eleven columns (Arrow strings; blanks that are layout are gone, '' and '-' are missing, as the
            contract's dialect says), and `row`, the position within the chunk.

    Returns:
        For every row, in the same order: `row`, the typed columns of contracts/launches_clean.odcs.yaml without
        `file_id`, and `broken`: the first broken rule as `column:rule`, or missing. Where a row is broken its typed
        columns may be missing.
    """
    launched_at, date = launch_time(text["Launch_Date"])
    place = launch_place(text["Site"])
    serial, serial_doubt = without_doubt(text["LV_SN"])
    launches = pd.DataFrame(
        {
            "row": text["row"],
            "launch_id": text["Launch"],
            "launched_at": launched_at,
            "launched_at_precision": precision(date),
            "is_launched_at_doubtful": date["doubt"].eq("?"),
            "cospar_id": text["COSPAR"],
            "payload_name": text["PL_Name"],
            "original_payload_name": text["Orig_PL_Name"],
            "satcat_id": text["SATCAT"],
            "vehicle": text["LV_Type"],
            "serial": serial,
            "is_serial_doubtful": serial_doubt,
            **place,
            "outcome": text["Suc"].map(OUTCOMES.get).astype(text["Suc"].dtype),
            "reference": text["Ref"],
        }
    )
    rules = {
        "launch_id:launch_id_missing": text["Launch"].isna(),
        "launch_id:launch_id_has_invisible_characters": matches(text["Launch"], INVISIBLE),
        "launched_at:launch_date_missing": text["Launch_Date"].isna(),
        "launched_at:launch_date_form": date["year"].isna(),
        "launched_at:launch_date_impossible": launched_at.isna(),
        "vehicle:vehicle_missing": text["LV_Type"].isna(),
        "site:site_missing": place["site"].isna(),
        "outcome:outcome_missing": text["Suc"].isna(),
        "outcome:outcome_unknown": launches["outcome"].isna(),
    }
    return launches.assign(broken=first_broken(rules, text.index))


def launch_time(text: pd.Series[str]) -> tuple[pd.Series[pd.Timestamp], pd.DataFrame]:
    """The moment in UTC (missing where there is no such day or time), and the parts of the text it is from.

    A leap second (60) is the first of the next minute, and 2400 is the next day's 0000.
    """
    date = text.str.extract(LAUNCH_DATE)
    number = {name: to_integer(date[name]) for name in ("year", "day", "hour", "minute", "second")}
    month = pd.Categorical(date["month"], categories=MONTHS).codes.clip(min=0)
    months = (number["year"] - 1970).astype("datetime64[Y]").astype("datetime64[M]") + month
    days = months.astype("datetime64[D]") + (number["day"] - 1)
    seconds = number["hour"] * 3600 + number["minute"] * 60 + number["second"]
    is_possible = (
        date["year"].notna().to_numpy()
        & (days.astype("datetime64[M]") == months)  # the 30th of February lands in March
        & (number["year"] > 0)
        & (number["day"] > 0)
        & (number["minute"] < 60)
        & (number["second"] <= 60)
        & (seconds <= 86_400 + (number["hour"] < 24))
        & (number["hour"] <= 24)
    )
    moment = days.astype("datetime64[us]") + seconds.astype("timedelta64[s]")
    launched_at = pd.DatetimeIndex(np.where(is_possible, moment, np.datetime64("NaT")), tz="UTC")
    return launched_at.to_series(index=text.index), date


def to_integer(digits: pd.Series[str]) -> np.ndarray:
    """Digits as numbers; 0 where there are none."""
    return digits.where(digits.ne(""), "0").fillna("0").astype("int64[pyarrow]").to_numpy()


def precision(date: pd.DataFrame) -> pd.Series[str]:
    """How exactly the log knows the time: to the second, the minute or the day."""
    names = np.where(
        date["seconds"].fillna("").ne(""), "second", np.where(date["time"].fillna("").ne(""), "minute", "day")
    )
    return pd.Series(names, index=date.index, dtype="str")


def launch_place(text: pd.Series[str]) -> Mapping[str, pd.Series]:
    """`[platform,]site[ pad][ -> drop zone]` in its parts; an aircraft or a vessel is a platform."""
    part = text.str.extract(r"(?s)^(?:(?P<platform>[^,]*),)?(?P<place>.*)$")
    dropped = part["place"].str.extract(r"(?s)^(?P<spot>.*)->(?P<zone>.*)$")
    spot = dropped["spot"].fillna(part["place"]).str.strip(" ")
    here = spot.str.extract(r"(?s)^(?P<site>[^ ]*) ?(?P<pad>.*)$")
    site, site_doubt = without_doubt(here["site"])
    pad, pad_doubt = without_doubt(here["pad"])
    zone, zone_doubt = without_doubt(dropped["zone"].str.strip(" "))
    platform = part["platform"].str.strip(" ")
    return {
        "platform": platform.mask(platform.eq("")),
        "site": site,
        "pad": pad,
        "drop_zone": zone,
        "is_site_doubtful": site_doubt | pad_doubt | zone_doubt,
    }


def without_doubt(text: pd.Series[str]) -> tuple[pd.Series[str], pd.Series[bool]]:
    """Text without the '?' at its end, and whether there was one."""
    is_doubtful = text.str.endswith("?").fillna(value=False).astype(bool)
    if is_doubtful.any():
        text = text.str.replace(r"( *\?)+$", "", regex=True)
    return text.mask(text.eq("")), is_doubtful


def matches(text: pd.Series[str], pattern: str) -> pd.Series[bool]:
    """Whether a pattern is somewhere in the text; missing text matches nothing."""
    return text.str.contains(pattern, regex=True).fillna(value=False).astype(bool)


def first_broken(rules: Mapping[str, pd.Series[bool]], index: pd.Index) -> pd.Series[str]:
    """For each row the name of the first rule that is true for it."""
    broken = pd.Series(pd.NA, index=index, dtype="string[pyarrow]")
    for name, is_broken in rules.items():
        if is_broken.any():
            broken = broken.mask(broken.isna() & is_broken.fillna(value=False).astype(bool), name)
    return broken

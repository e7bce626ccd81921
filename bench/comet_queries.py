"""The queries of bench/comet.py: the views of sql/queries.sql and selective questions, with and without indexes."""

from __future__ import annotations

import re
import statistics
import time
from typing import Any

from comet_place import SQL, Place

REPEATS = 5  # after one that warms up
INDEXES = """select indexname from pg_indexes
    where schemaname = 'p02_comet' and indexname ~ '^(fct_discovery_(?!pkey)|dim_star_system)'"""
# a question of the star's own tables, and the columns of `discoveries` that its values are taken from
JOINED = """select f.*, s.star_name, c.facility, d.year, u.date
    from p02_comet.fct_discovery f
    join p02_comet.dim_star s using (star_key)
    join p02_comet.dim_facility c using (facility_key)
    join p02_comet.dim_date d on d.date_key = f.discovery_date_key
    join p02_comet.dim_date u on u.date_key = f.update_date_key where """
SELECTIVE = {
    "one_star": (JOINED + "s.star_name = %s", "star_name"),
    # the view makes null of `not known`, and an index on the name does not answer for that
    "one_star_by_the_view": ("select * from p02_comet.discoveries where star_name = %s", "star_name"),
    "one_facility_and_year": (JOINED + "c.facility = %s and d.year = %s", "facility, discovery_year"),
    "one_day": (JOINED + "u.date = %s", "updated_on"),
}
Question = tuple[str, tuple[Any, ...]]


def measure(place: Place) -> dict[str, dict[str, Any]]:
    """Milliseconds of each question, median of some, in the star and in a copy of it without its indexes.

    The keys stay in the copy: without them it would be another star.
    """
    place.empty("bare", "star")
    names = [name for (name,) in place.sql("bare", INDEXES)]
    place.sql("bare", *(f"drop index p02_comet.{name}" for name in names), "vacuum analyze")
    answers: dict[str, dict[str, Any]] = {}
    questions = asked(place)
    for database, key in (("star", "ms"), ("bare", "ms_without")):
        with place.connected(database) as connection:
            for name, (sql, values) in questions.items():
                taken = []
                for _ in range(REPEATS + 1):
                    begun = time.perf_counter()
                    [(rows,)] = connection.execute(f"select count(*) from ({sql}) as asked", values).fetchall()
                    taken.append(time.perf_counter() - begun)
                answer = answers.setdefault(name, {"values": [str(value) for value in values], "rows": rows})
                if answer["rows"] != rows:
                    raise SystemExit(f"{name}: {answer['rows']} rows with the indexes, {rows} without")
                answer[key] = round(statistics.median(taken[1:]) * 1000, 3)
    for answer in answers.values():
        answer["ratio"] = round(answer["ms_without"] / answer["ms"], 2)
    place.sql("postgres", "drop database bare with (force)")
    return answers


def asked(place: Place) -> dict[str, Question]:
    """What is asked, with its values: of those that there are, the ones in the middle by the number of planets."""
    views = re.findall(r"create or replace view p02_comet\.(\w+)", (SQL / "queries.sql").read_text(encoding="utf-8"))
    questions: dict[str, Question] = {
        view: (f"select * from p02_comet.{view}", ()) for view in views if view != "discoveries"
    }
    for name, (sql, columns) in SELECTIVE.items():
        known = " and ".join(f"{column} is not null" for column in columns.split(", "))
        counted = f"select {columns}, count(*) as n from p02_comet.discoveries where {known} group by {columns}"
        middle = f"order by n, {columns} offset (select count(*) from counted) / 2 limit 1"
        for values in place.sql("star", f"with counted as ({counted}) select {columns} from counted {middle}"):
            questions[name] = (sql, values)
    return questions

"""What of the reliability list (3.1, 3.4 to 3.7, 3.9, 3.10) is no case of meteor_bad_inputs.py: tested elsewhere, or out of reach."""

from __future__ import annotations

# item → the test that has it
ELSEWHERE = {
    "C36": "test_not_a_regular_file",
    "C47": "test_a_file_that_grows_while_it_is_read",
    "D18": "test_the_chain_shows_every_change",  # runs are ordered by the ledger's sequence, not by the clock
    "F01": "test_paths",
    "F02": "test_paths",
    "F04": "test_paths",
    "F05": "test_names_that_are_not_utf8",
    "F06": "test_files_of_one_name",
    "F07": "test_not_a_regular_file",
    "F08": "test_own_files_are_loaded_or_named",
    "F09": "test_many_small_files",
    "F10": "test_own_files_are_loaded_or_named",  # in the order of their names, whatever their times
    "K04": "test_rerun_changes_nothing",
    "K07": "test_a_broken_contract_is_refused_when_it_is_loaded",
    "Q03": "test_a_broken_manifest_is_refused_with_its_line",
}

NUMBER, NAMES = (
    "no column of the log is a number",
    "names of tables and columns come from the contract, never from the data",
)
UI, PATTERN = (
    "nothing here takes SQL, sorts or searches for a user",
    "patterns come from the contract, and RE2 runs them",
)
OUT_OF_REACH = {
    **{f"N{number:02}": NUMBER for number in range(1, 13)},
    "C46": "the contract's dialect knows no fixed width",
    "D05": "the log is in UTC: no hour is missing",
    "D06": "the log is in UTC: no hour comes twice",
    "D11": "an Excel serial number is not of the log's form: see D10",
    "D13": "no zone names are read",
    "D16": "a launch has no end",
    "D17": "a launch has no time of change",
    "F03": "a hard link cannot be told from the file; the operator is trusted with his own files (SECURITY.md)",
    "F11": "nothing is written into the folder of the input",
    "F12": "no configuration names a file, but for a profile's password file, which is absolute or of the working folder",
    "K03": "see C02; a fall against the usual is the business of p08 Pulsar",
    "K05": "no manifest comes with a delivery",
    "K06": "another contract's file has other columns: see C29",
    "K08": "no column holds personal data",
    "Q01": NAMES,
    "Q04": UI,
    "Q05": UI,
    "Q06": UI,
    "Q08": "no text is a template",
    "Q09": UI,
    "Q10": PATTERN,
    "U08": NAMES,
    "U11": NAMES,
    "U12": "the embedded server compares by code point; no index of text order is relied on",
}

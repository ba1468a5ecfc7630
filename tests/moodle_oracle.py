"""The tests' truth about members. Moodle's own answers hold it to account (test_moodle_reader)."""

from demo.sample_moodle.truth import effective_members as oracle_members

__all__ = ["oracle_members"]

"""A copy of rcsync's own database in one file, and the way back. Knows no Moodle and no plans."""

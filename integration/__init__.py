"""rcsync's application. The version is written here and nowhere else."""

__version__ = "1.0.0"

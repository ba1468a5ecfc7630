"""Scripts whose figures the documentation quotes: `./rcsync python benchmarks/NAME.py`."""

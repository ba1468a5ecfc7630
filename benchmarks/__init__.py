"""Scripts whose figures the documentation quotes. Run them with `./rcsync python benchmarks/NAME.py`."""

"""Where to look again, and nothing else: Moodle's log, its clock, and what a site pushes.

An event is a hint, never an order. It becomes a scope, and the line reads again what is true there.
So the order of events does no harm, nor does one that comes twice; one that is lost is made good by
the next full pass.
"""

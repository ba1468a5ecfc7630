"""Where to look again: Moodle's log, enrolment dates, and what a site pushes.

An event is a hint, never an order. It becomes a scope, and the sync reads again what is true there.
So the order of events and repeated events do no harm; a lost one is made good by the next full
pass.
"""

"""The base of every area: the unit of work, events, actions, jobs, signals and pages."""

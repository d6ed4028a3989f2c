"""What every area is built on: the unit of work, events, actions, jobs, signals, pages."""

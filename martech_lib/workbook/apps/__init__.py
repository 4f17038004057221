"""The apps behind the notebooks: their controls and their state, so that a notebook needs no `def`."""

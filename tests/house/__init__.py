"""The rules of the house as tests: arrows between rooms, sizes, notebook shape, words, locks and docs."""

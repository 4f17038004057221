"""Personalization: what it really brought, by holdout."""

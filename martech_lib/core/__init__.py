"""Input tables, the workspace that holds them, and the records that analyses return."""

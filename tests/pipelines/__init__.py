"""What pipelines take from this repository: hooks, an action, a component, releases."""

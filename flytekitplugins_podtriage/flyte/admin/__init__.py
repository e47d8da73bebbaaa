"""The client of flyteadmin: login, executions, task definitions."""

"""What flytekit and flyteadmin see: the task type, its settings, log links, and the client of flyteadmin."""

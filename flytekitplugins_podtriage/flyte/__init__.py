"""What flytekit, flyteidl and flyteadmin see: past executions today.

Nothing here is imported by the core, and nothing here imports the cluster's side; the two meet at the command line.
"""

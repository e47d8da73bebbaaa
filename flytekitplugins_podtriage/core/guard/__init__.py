"""The guard's decisions: which pods of stock Flyte to end, when, and with what message.

Pure: events and the time in, a new state and plans out. The room ``guard/`` reads, writes and reports what is planned.
"""

"""What Flyte's copilot does beside a container, done on this machine: its inputs as files, and files as its outputs.

After flytecopilot/data of v1.16.8 (``Downloader``, ``Uploader``) and the way in which propeller fills in a command
(flyteplugins/go/tasks/pluginmachinery/core/template/template.go).
"""

"""What can be learnt from the text of a message before any rule looks at it."""

"""What people type: one file a command, and what all of them share."""

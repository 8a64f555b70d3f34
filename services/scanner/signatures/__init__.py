"""Our own anti-virus databases: rules and digests, from their sources to what they say of a content."""
